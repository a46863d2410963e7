#!/bin/bash
# Inside the machine, once before and once after a boot from the same disk: guests that are enabled come back in order with the
# host, before anybody asks for one, and what the last boot left of them stands in nobody's way.
set -u
if [ "$1" = before ]; then
    # shellcheck source=tests/vm/systemd_setup.sh
    . /job/systemd_setup.sh
    printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n' >/etc/systemd/system/hostdb.service
    printf 'requires = ["hostdb.service"]\n' | guest db
    printf 'requires = ["db"]\n' | guest web
    printf 'after = ["web"]\n' | guest cron
    guest idle </dev/null
    systemctl daemon-reload
    check "guests are enabled" stead enable web cron
    check "and run, killed by the machine's end" stead start web cron
    # The machine ends without a word to anybody.
    sync
    exit $failed
fi
# shellcheck source=tests/vm/checks.sh
. /job/checks.sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
property() { systemctl show -P "$2" "$1"; }
before() { # the unit $1 became active before $2 began to
    [ "$(property "$1" ActiveEnterTimestampMonotonic)" -le "$(property "$2" InactiveExitTimestampMonotonic)" ]
}
for name in db web cron; do check "$name is active" [ "$(systemctl is-active stead@$name)" = active ]; done
check "what is not enabled is not" [ "$(systemctl is-active stead@idle)" = inactive ]
check "the host's unit came first" before hostdb.service stead@db.service
check "db before web" before stead@db.service stead@web.service
check "web before cron" before stead@web.service stead@cron.service
check "multi-user.target waited for them" before stead@cron.service multi-user.target
check "stead knows them" has "$(stead list)" '^web +up'
check "machinectl, too" until_true 20 sh -c 'machinectl list --no-legend | tr "\n" " " | grep -q "cron .*db .*web "'
check "their units run" is "$(stead exec web -- echo inside)" inside
check "none has failed" is "$(systemctl list-units --failed --no-legend 'stead*' | wc -l)" 0
check "they stop in the reverse order" systemctl stop stead@db
check "with what requires them" [ "$(systemctl is-active stead@web)" = inactive ]
exit $failed
