#!/bin/sh
# Stands for the command where processes are tested; the model's name says what it does.
case "$2" in
sleep) exec sleep 30 ;;
leave)
    sleep 30 &
    wait
    ;;
talk)
    head -c 300000 /dev/zero | tr '\0' 'o'
    head -c 300000 /dev/zero | tr '\0' 'e' >&2
    printf '\nerror: it is too much\n' >&2
    exit 2
    ;;
esac
