# What the scripts that check things inside the machine share; they leave with the number of failed claims, `$failed`.
failed=0
check() { # claim condition...
    local claim=$1
    shift
    if "$@"; then echo "ok     $claim"; else
        echo "FAILED $claim"
        failed=$((failed + 1))
    fi
}
is() { [ "$1" = "$2" ] || { echo "  expected '$2', found '$1'"; false; }; }
has() { grep -qE -- "$2" <<<"$1" || { echo "  no '$2' in: $1"; false; }; }
until_true() { # seconds command...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}
