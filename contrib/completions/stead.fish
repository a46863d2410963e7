# fish completion of stead(1): verbs, options, guests, and units as GUEST/UNIT.

function __stead_words
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    if test (count $words) -eq 1
        stead complete 2>/dev/null
    else if string match -q -- '-*' $word
        stead $words[2] --help 2>/dev/null | grep -oE -- '(^|[ ,])--?[a-z][a-z-]*' | tr -d ' ,'
    else
        stead complete $words[2] $word 2>/dev/null
    end
end

complete -c stead -a '(__stead_words)'
