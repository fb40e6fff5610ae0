# Completion for bash: commands and options from the program itself, so that it never lags behind.
_kickline() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    case $prev in
    -f | --file) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --colour) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur"); return ;;
    --format) mapfile -t COMPREPLY < <(compgen -W 'text json sarif github' -- "$cur"); return ;;
    --severity) mapfile -t COMPREPLY < <(compgen -W 'note warning error' -- "$cur"); return ;;
    --explain)
        mapfile -t COMPREPLY < <(compgen -W "$(kickline check --codes --json 2>/dev/null |
            cut -f 1)" -- "$cur")
        return
        ;;
    esac
    if ((COMP_CWORD > 2)) && [[ $command == image ]]; then
        if [[ $cur == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(kickline image "${COMP_WORDS[2]}" --help \
                2>/dev/null | grep -o -- '--[a-z0-9-]*' | sort -u)" -- "$cur")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        fi
    elif ((COMP_CWORD == 2)) && [[ $command == image ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(kickline image --help |
            sed -n 's/^  kickline image \([a-z]*\) .*/\1/p')" -- "$cur")
    elif ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(kickline --help |
            sed -n 's/^  \([a-z][a-z]*\) .*/\1/p') --help --version" -- "$cur")
    elif [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(kickline "$command" --help 2>/dev/null |
            grep -o -- '--[a-z0-9-]*' | sort -u)" -- "$cur")
    elif [[ $command == render && $COMP_CWORD -gt 2 ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'cmdline ipxe grub pxelinux kickstart system' -- "$cur")
    elif [[ $command == check ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}
complete -F _kickline kickline
