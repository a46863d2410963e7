# bash completion of stead(1): verbs, options, guests, and units as GUEST/UNIT.

_stead() {
    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]-}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(stead complete 2>/dev/null)" -- "$word")
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(stead "$verb" --help 2>/dev/null |
            grep -oE -- '(^|[ ,])--?[a-z][a-z-]*' | tr -d ' ,')" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W "$(stead complete "$verb" "$word" 2>/dev/null)" -- "$word")
        # check reads files as well.
        [[ $verb == check ]] && mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$word")
        # A guest whose units can follow.
        [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
    fi
}
complete -o default -F _stead stead
