#!/usr/bin/env bash
# The servers that tests need: RabbitMQ, MariaDB, PostgreSQL on 127.0.0.1.
#
#   scripts/services.sh start [rabbitmq|mariadb|postgres ...]   start what does not listen yet
#   scripts/services.sh stop                                    end what `start` started, and only that
#   scripts/services.sh status                                  one line a server
#   scripts/services.sh env                                     their addresses, as shell exports
#
# A server that already listens on its standard port and lets the test user in is used as it is.
# Otherwise a private one is started (on the standard port, or 10000 above it when a stranger
# holds that), from an empty folder of its own, as this user, without systemd: every start is a
# first start, so nothing that an aborted run left behind can trip the next one.
set -euo pipefail

STATE=${HYDRA_SERVICES_DIR:-/var/tmp/hydra-services-$(id -u)}
WAIT_S=${HYDRA_SERVICES_WAIT_S:-90}
PATH=$PATH:/usr/sbin:/sbin
USER_NAME=hydra_test # user and password of the test accounts
ALL=(rabbitmq mariadb postgres)

say() { printf 'services: %s\n' "$*"; }
die() { printf 'services: %s\n' "$*" >&2; exit 1; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif sudo -n true 2>/dev/null; then sudo -n "$@"
  else return 1; fi
}
as_postgres() { # PostgreSQL refuses to run as root
  if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi
}

# --- one function a server: does the test user get in on this port? --------------------------
probe_rabbitmq() { curl -fsS -m 5 -u guest:guest "http://127.0.0.1:$((10000 + $1))/api/overview" >/dev/null 2>&1; }
probe_mariadb() { mariadb --no-defaults -h127.0.0.1 -P"$1" -u$USER_NAME -p$USER_NAME -e 'select 1' >/dev/null 2>&1; }
probe_postgres() { PGPASSWORD=$USER_NAME psql -qAtX -h 127.0.0.1 -p "$1" -U $USER_NAME -d postgres -c 'select 1' >/dev/null 2>&1; }

# --- one function a server: open a strange server on the standard port to tests, if we may ---
MARIADB_GRANT="create user if not exists '$USER_NAME'@'localhost' identified by '$USER_NAME';
create user if not exists '$USER_NAME'@'127.0.0.1' identified by '$USER_NAME';
grant all on *.* to '$USER_NAME'@'localhost' with grant option;
grant all on *.* to '$USER_NAME'@'127.0.0.1' with grant option;"
POSTGRES_GRANT="create role $USER_NAME superuser login password '$USER_NAME'"
open_rabbitmq() { as_root rabbitmq-plugins enable rabbitmq_management rabbitmq_prometheus >/dev/null 2>&1; }
open_mariadb() { as_root mariadb --no-defaults -e "$MARIADB_GRANT" >/dev/null 2>&1; }
open_postgres() {
  if [ "$(id -u)" = 0 ]; then as_postgres psql -qX -d postgres -c "$POSTGRES_GRANT"
  else as_root -u postgres psql -qX -d postgres -c "$POSTGRES_GRANT"; fi >/dev/null 2>&1
}

# --- one function a server: prepare an empty folder $1 and run in the foreground on port $2 ---
run_rabbitmq() {
  local dir=$1 port=$2
  cat >"$dir/rabbitmq.conf" <<CONF
listeners.tcp.default = 127.0.0.1:$port
management.tcp.ip = 127.0.0.1
management.tcp.port = $((10000 + port))
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = $((10020 + port))
vm_memory_high_watermark.absolute = 1500MB
disk_free_limit.absolute = 50MB
collect_statistics_interval = 1000
log.console.level = warning
CONF
  echo '[rabbitmq_management,rabbitmq_prometheus].' >"$dir/enabled_plugins"
  export HOME=$dir RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_NODENAME="hydra-$port@localhost" \
    RABBITMQ_MNESIA_BASE="$dir/mnesia" RABBITMQ_LOG_BASE="$dir/log" RABBITMQ_LOGS=- \
    RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins" \
    RABBITMQ_DIST_PORT=$((20000 + port)) RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+sbwt none +S 2:2"
  cd "$dir"
  exec /usr/lib/rabbitmq/bin/rabbitmq-server
}
run_mariadb() {
  local dir=$1 port=$2 user=()
  [ "$(id -u)" = 0 ] && user=(--user=root)
  mariadb-install-db --no-defaults "${user[@]}" --datadir="$dir/data" --skip-test-db \
    --auth-root-authentication-method=normal >"$dir/install.log" 2>&1
  printf '%s\n' "$MARIADB_GRANT" >"$dir/init.sql"
  exec mariadbd --no-defaults "${user[@]}" --datadir="$dir/data" --socket="$dir/socket" \
    --bind-address=127.0.0.1 --port="$port" --pid-file="$dir/mariadbd.pid" --init-file="$dir/init.sql" \
    --innodb-buffer-pool-size=128M --innodb-log-file-size=64M --performance-schema=0 \
    --max-allowed-packet=64M --character-set-server=utf8mb4
}
run_postgres() {
  local dir=$1 port=$2 bin
  bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
  [ "$(id -u)" = 0 ] && chown postgres "$dir"
  echo $USER_NAME >"$dir/password" && chmod 644 "$dir/password"
  cd "$dir"
  as_postgres "$bin/initdb" -D "$dir/data" -U $USER_NAME --pwfile="$dir/password" -A scram-sha-256 \
    -E UTF8 --locale=C.UTF-8 >"$dir/install.log" 2>&1
  local run=("$bin/postgres" -D "$dir/data" -p "$port" -k "$dir" -c listen_addresses=127.0.0.1
    -c shared_buffers=64MB -c max_connections=200)
  if [ "$(id -u)" = 0 ]; then
    exec setpriv --reuid=postgres --regid=postgres --init-groups "${run[@]}"
  else exec "${run[@]}"; fi
}

declare -A PORT=([rabbitmq]=5672 [mariadb]=3306 [postgres]=5432)
# A pid may be given to another process after ours ended: the start time tells them apart.
started_at() { awk '{print $22}' "/proc/$1/stat" 2>/dev/null || true; }
ours() { # $1: server. Prints the pid of the one that we started, if it lives
  local pid since
  [ -f "$STATE/$1.pid" ] && read -r pid since <"$STATE/$1.pid" && [ -n "$since" ] &&
    [ "$(started_at "$pid")" = "$since" ] && echo "$pid"
}

launch() { # $1: server. Starts it where needed; `wait_ready` follows
  local name=$1 port=${PORT[$1]} pid dir="$STATE/$1"
  if ours "$name" >/dev/null; then return; fi
  if listens "$port" && { "probe_$name" "$port" || { "open_$name" && "probe_$name" "$port"; }; }; then
    say "$name: uses the one that is there"
    rm -f "$STATE/$name.pid"
    echo "$port" >"$STATE/$name.port"
    return
  fi
  if listens "$port"; then
    say "$name: the one on 127.0.0.1:$port refuses the test user, starts another"
    port=$((port + 10000))
  fi
  if [ "$name" = rabbitmq ] && ! epmd -names >/dev/null 2>&1; then touch "$STATE/epmd"; fi
  rm -rf "$dir" && mkdir -p "$dir" && chmod 755 "$dir"
  echo "$port" >"$STATE/$name.port"
  # A session of its own, so that the terminal's Ctrl-C and hang-up do not reach it.
  setsid bash "$0" run-in-foreground "$name" "$dir" "$port" </dev/null >"$STATE/$name.log" 2>&1 9>&- &
  pid=$!
  echo "$pid $(started_at $pid)" >"$STATE/$name.pid"
}

wait_ready() {
  local name=$1 port end=$((SECONDS + WAIT_S))
  port=$(cat "$STATE/$name.port")
  until "probe_$name" "$port"; do
    if [ -f "$STATE/$name.pid" ] && ! ours "$name" >/dev/null; then
      tail -20 "$STATE/$name.log" "$STATE/$name"/install.log >&2 2>/dev/null
      die "$name ended while starting; its log is $STATE/$name.log"
    fi
    [ $SECONDS -lt $end ] || die "$name is not ready after $WAIT_S s; its log is $STATE/$name.log"
    sleep 0.3
  done
  say "$name: ready on 127.0.0.1:$port"
}

stop_one() {
  local name=$1 pid end
  if pid=$(ours "$name"); then
    # PostgreSQL takes SIGINT for "now, in order"; the others take SIGTERM.
    local signal=TERM; [ "$name" = postgres ] && signal=INT
    kill -$signal -- "-$pid" 2>/dev/null || true
    end=$((SECONDS + 20))
    while kill -0 -- "-$pid" 2>/dev/null; do
      [ $SECONDS -lt $end ] || { kill -KILL -- "-$pid" 2>/dev/null || true; break; }
      sleep 0.2
    done
    say "$name: stopped"
  fi
  rm -rf "${STATE:?}/$name" "$STATE/$name.pid" "$STATE/$name.port"
  # The Erlang port mapper came with RabbitMQ; it refuses to go while another node lives.
  if [ "$name" = rabbitmq ] && [ -f "$STATE/epmd" ]; then
    rm -f "$STATE/epmd"
    epmd -kill >/dev/null 2>&1 || true
  fi
}

addresses() {
  local r m p
  r=$(cat "$STATE/rabbitmq.port" 2>/dev/null || echo 5672)
  m=$(cat "$STATE/mariadb.port" 2>/dev/null || echo 3306)
  p=$(cat "$STATE/postgres.port" 2>/dev/null || echo 5432)
  echo "export HYDRA_TEST_RABBITMQ=amqp://guest:guest@127.0.0.1:$r"
  echo "export HYDRA_TEST_RABBITMQ_API=http://guest:guest@127.0.0.1:$((10000 + r))"
  echo "export HYDRA_TEST_MARIADB=mysql://$USER_NAME:$USER_NAME@127.0.0.1:$m"
  echo "export HYDRA_TEST_POSTGRES=postgres://$USER_NAME:$USER_NAME@127.0.0.1:$p"
}

command=${1:-}; shift || true
if [ "$command" = run-in-foreground ]; then "run_$1" "$2" "$3"; fi

mkdir -p "$STATE"
[ -O "$STATE" ] || die "$STATE belongs to another user"
exec 9>"$STATE/lock"
flock -w 300 9 || die "another services.sh has been busy for 300 s"
[ $# -gt 0 ] || set -- "${ALL[@]}"
case $command in
  start) for name; do [ -n "${PORT[$name]:-}" ] || die "unknown server $name"; done
    for name; do launch "$name"; done
    for name; do wait_ready "$name"; done ;;
  stop) for name in "${ALL[@]}"; do stop_one "$name"; done ;;
  status) for name in "${ALL[@]}"; do
    port=$(cat "$STATE/$name.port" 2>/dev/null || echo "${PORT[$name]}")
    if "probe_$name" "$port"; then state="ready"; elif listens "$port"; then state="listens, refuses the test user"; else state="down"; fi
    if pid=$(ours "$name"); then state="$state (started here, pid $pid)"; fi
    say "$name: 127.0.0.1:$port $state"
  done ;;
  env) addresses ;;
  *) sed -n '2,11p' "$0" | cut -c3-; exit 64 ;;
esac
