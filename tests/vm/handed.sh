#!/bin/bash
# Inside the machine: what the service manager has for a guest's service reaches the guest. Its sockets start the whole guest and
# go to the units that name them, its credentials to the units that want them; a PID 1 that hangs starves its watchdog.
set -u
# shellcheck source=tests/vm/systemd_setup.sh
. /job/systemd_setup.sh

echo "== sockets and credentials"
cat >/srv/answer.py <<'PROGRAM'
import os, socket
names = os.environ["LISTEN_FDNAMES"].split(":")
assert int(os.environ["LISTEN_PID"]) == os.getpid() and int(os.environ["LISTEN_FDS"]) == len(names)
print("given", names, flush=True)
listener = socket.socket(fileno=3)
secret = ""
if "CREDENTIALS_DIRECTORY" in os.environ:
    secret = open(os.environ["CREDENTIALS_DIRECTORY"] + "/password").read().strip()
while True:
    connection, _ = listener.accept()
    connection.sendall(f"{len(names)} {names[0]} {secret} {os.getuid()}\n".encode())
    connection.close()
PROGRAM
socket_of() { # guest, name; ListenStream= and so on on standard input: a socket unit of the host for that guest
    {
        printf '[Socket]\nAccept=no\nService=stead@%s.service\nFileDescriptorName=%s\n' "$1" "$2"
        cat
    } >"/etc/systemd/system/$2.socket"
}
ask() { # a path or port of this machine; the first line that it says
    python3 -c '
import socket, sys
where = sys.argv[1]
at = socket.socket(socket.AF_UNIX if where.startswith("/") else socket.AF_INET)
at.settimeout(60)
at.connect(where if where.startswith("/") else ("127.0.0.1", int(where)))
print(at.makefile().readline().strip())' "$1"
}

guest shop </dev/null
cat >/srv/units-shop/main.toml <<'UNIT'
command = ["python3", "/srv/answer.py"]
user = "nobody"
socket.web.listen = ["host:http"]
credentials.password = "host:shop-password"
UNIT
socket_of shop http <<'UNIT'
ListenStream=127.0.0.1:8080
ListenStream=/run/shop.sock
UNIT
mkdir -p /etc/systemd/system/stead@shop.service.d
echo 'very secret' >/root/password
printf '[Service]\nLoadCredential=shop-password:/root/password\nSetCredential=other:unused\n' \
    >/etc/systemd/system/stead@shop.service.d/credentials.conf
systemctl daemon-reload
check "the host listens" systemctl start http.socket
check "and the guest does not run" state_is shop inactive
answer='2 web very secret 65534'
check "a connection starts the guest; its unit answers, with both sockets and the secret" is "$(ask 8080)" "$answer"
check "the guest runs" until_true 20 state_is shop active
main=$(leader shop)
check "root inside reads the credential" is "$(stead exec shop -- cat /run/stead/credentials/shop-password)" 'very secret'
check "all of them are there" is "$(stead exec shop -- ls /run/stead/credentials | tr '\n' ' ')" 'other shop-password '
check "nobody else reads them" sh -c '! stead exec --user nobody shop -- cat /run/stead/credentials/shop-password 2>/dev/null'
check "they are the guest root's own" is "$(stead exec shop -- stat -c '%u %a' /run/stead/credentials/shop-password /run/stead/credentials | tr '\n' ' ')" '0 400 0 500 '
check "and not to be changed" sh -c '! stead exec shop -- sh -c ": >/run/stead/credentials/new" 2>/dev/null'
check "LISTEN_FDS and the like reach nobody else" is "$(stead exec shop -- env | grep -c LISTEN_)" 0
check "a unit that starts again" stead restart shop/main
check "has the sockets again" is "$(ask 8080)" "$answer"
sed -i '1i description = "changed"' /srv/units-shop/main.toml
check "one that was changed by a reload" sh -c 'stead reload shop && stead restart shop/main'
check "has them, too" is "$(ask 8080)" "$answer"
check "after an upgrade of PID 1" sh -c 'stead upgrade shop && stead restart shop/main'
check "which is the same process" is "$(leader shop)" "$main"
check "they are there still" is "$(ask 8080)" "$answer"
check "a guest that starts again" systemctl restart stead@shop
check "has them as well" is "$(ask 8080)" "$answer"
systemctl stop stead@shop
check "while the guest is down the host listens" is "$(systemctl is-active http.socket)" active
check "and starts it at the next connection" is "$(ask 8080)" "$answer"
systemctl stop http.socket stead@shop

guest each </dev/null
cat >/srv/units-each/main.toml <<'UNIT'
command = ["sh", "-c", "echo served by $$"]
[socket.door]
listen = ["host:door"]
per-connection = true
UNIT
cat >/srv/units-each/late.toml <<'UNIT'
command = ["python3", "/srv/answer.py"]
[socket.late]
listen = ["host:late"]
lazy = true
UNIT
printf 'command = ["true"]\nsocket.no.listen = ["host:nothing"]\nrestart = "no"\n' >/srv/units-each/without.toml
echo ListenStream=/run/door.sock | socket_of each door
echo ListenStream=/run/late.sock | socket_of each late
systemctl daemon-reload
systemctl start door.socket late.socket
check "each connection has a process" has "$(ask /run/door.sock)" '^served by'
check "one after the other" has "$(ask /run/door.sock)" '^served by'
check "a lazy unit waits for its own" has "$(stead status each)" '^late +down'
check "and is started by it" is "$(ask /run/late.sock)" '1 late  0'
check "a socket that the host does not have fails its unit alone" has "$(stead status each)" '^without +failed'
check "with the reason in the log" has "$(stead logs each)" "the host has not opened nothing"
check "the service manager is told how many are up" has "$(show each StatusText)" '^units up: [0-9]+, failed: 1$'
check "it has a watchdog" is "$(show each WatchdogUSec)" 3min
systemctl stop door.socket late.socket stead@each

guest shut <<'T'
host.sockets = false
T
cat >/srv/units-shut/main.toml <<'UNIT'
command = ["python3", "/srv/answer.py"]
socket.web.listen = ["host:shut"]
restart = "no"
UNIT
echo ListenStream=/run/shut.sock | socket_of shut shut
systemctl daemon-reload
systemctl start shut.socket
stead start shut 2>/dev/null
check "a guest that takes no sockets runs" state_is shut active
check "its unit that names one does not" has "$(stead status shut)" '^main +failed'
check "PID 1 has none" is "$(tr '\0' '\n' <"/proc/$(leader shut)/environ" | grep -c LISTEN_)" 0
systemctl stop shut.socket stead@shut

echo "== the watchdog"
guest dog </dev/null
mkdir -p /etc/systemd/system/stead@dog.service.d
printf '[Service]\nWatchdogSec=6\n' >/etc/systemd/system/stead@dog.service.d/watchdog.conf
systemctl daemon-reload
check "a guest with a watchdog" systemctl start stead@dog
main=$(leader dog)
fed=$(show dog WatchdogTimestampMonotonic)
sleep 9
check "is fed" [ "$(show dog WatchdogTimestampMonotonic)" -gt "$fed" ]
check "and goes on" is "$(leader dog)" "$main"
check "its units are counted" is "$(show dog StatusText)" 'units up: 1'
check "a reload is told, and its end" sh -c 'stead reload dog && systemctl is-active -q stead@dog'
kill -9 "$(keeper_of dog)"
stead status dog >/dev/null
sleep 9
check "a keeper that was killed and replaced feeds it, too" is "$(leader dog)" "$main"
stead freeze dog
sleep 9
check "one that is frozen does not hang" is "$(leader dog)" "$main"
check "and goes on when it is thawed" sh -c 'stead thaw dog && stead exec dog -T -- true'
kill -STOP "$main"
again() { state_is dog active && [ "$(leader dog)" != "$main" ] && [ "$(leader dog)" != 0 ]; }
check "a PID 1 that hangs is ended, and the guest started again" until_true 60 again
check "because of the watchdog" has "$(journalctl -q -u stead@dog -o cat)" 'Watchdog timeout'
systemctl stop stead@dog
check "nothing has failed" is "$(systemctl list-units --failed --no-legend 'stead*' | wc -l)" 0
exit $failed
