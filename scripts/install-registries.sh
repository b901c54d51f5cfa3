#!/usr/bin/env bash
# Installs the registries that the integration tests run against, and kubectl, which drives one of them:
# `install-registries.sh [etcd] [consul] [zookeeper] [kubernetes] [kubectl]`, all of them without an argument. Each goes into a
# folder of its own under ${LINKGATE_REGISTRIES:-~/.cache/linkgate/registries}; nothing else on the machine changes: no package is
# installed, no service started, no package source added.
#
# Works on Debian 12, as any user, with the package mirror that the machine uses. What the present recipe has already installed
# is left alone. Seconds each; kubernetes, which is built from source, takes some four minutes on two cores.
set -euo pipefail

SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${LINKGATE_REGISTRIES:-${XDG_CACHE_HOME:-~/.cache}/linkgate/registries}
ALL=(etcd consul zookeeper kubernetes kubectl)
# Of this run: package lists, and what is being unpacked and built. Beside the results, so that renaming is moving.
WORK=

# shellcheck source=scripts/build-kube-apiserver.sh
source "$SCRIPTS/build-kube-apiserver.sh"

main() {
  local name
  for name in "$@"; do
    [[ " ${ALL[*]} " == *" $name "* ]] || fail "there is no registry \"$name\", want any of: ${ALL[*]}"
  done
  mkdir -p "$CACHE"
  CACHE=$(cd "$CACHE" && pwd)
  # What runs that were killed left: no build takes two hours.
  find "$CACHE" -maxdepth 1 -name '.work-*' -mmin +120 -exec rm -rf {} +
  WORK=$(mktemp -d "$CACHE/.work-XXXXXX")
  trap 'rm -rf "$WORK"' EXIT
  for name in "${@:-${ALL[@]}}"; do
    # Of two runs at a time the second waits and finds it done.
    exec 9>"$CACHE/.$name.lock"
    flock 9
    install_registry "$name"
  done
}

install_registry() {
  local name=$1 recipe start=$SECONDS
  recipe=$(recipe_of "$name")
  if [[ $(cat "$CACHE/$name/.recipe" 2>/dev/null) == "$recipe" ]] && "check_$name" "$CACHE/$name"; then
    echo "$name: installed in $CACHE/$name"
    return
  fi
  echo "$name: installing into $CACHE/$name"
  mkdir -p "$WORK/$name/new" "$WORK/$name/work"
  cd "$WORK/$name/work"
  "get_$name" "$WORK/$name/new"
  "check_$name" "$WORK/$name/new" || fail "$name: was put together and does not run"
  echo "$recipe" >"$WORK/$name/new/.recipe"
  # It is there as a whole or not at all.
  rm -rf "${CACHE:?}/$name"
  mv "$WORK/$name/new" "$CACHE/$name"
  rm -rf "${WORK:?}/$name"
  echo "$name: installed in $((SECONDS - start)) s"
}

# A word for what the registry is made of and how: once it changes, the next run installs anew.
recipe_of() {
  {
    dpkg --print-architecture
    declare -f "get_$1" "check_$1"
    case $1 in
      zookeeper) declare -f get_java ;;
      kubernetes) cat "$SCRIPTS/build-kube-apiserver.sh" ;;
    esac
  } | sha256sum | cut -d' ' -f1
}

# Recipes. `get_NAME FOLDER` fills the folder, from an empty working folder; `check_NAME FOLDER` says whether it holds what runs.

get_etcd() {
  debian trixie etcd-server etcd-client
  mv usr/bin/etcd usr/bin/etcdctl "$1"
}

check_etcd() {
  "$1/etcd" --version >/dev/null && "$1/etcdctl" version >/dev/null
}

# The last Debian that has it is 11.
get_consul() {
  debian bullseye consul
  mv usr/bin/consul "$1"
}

check_consul() {
  "$1/consul" version >/dev/null
}

get_zookeeper() {
  debian bookworm libzookeeper-java libslf4j-java libdropwizard-metrics-java libsnappy-java
  local jar
  # All that its server loads; in the packages they are links to names with versions.
  for jar in zookeeper zookeeper-jute slf4j-api slf4j-simple metrics-core snappy-java; do
    cp -L "usr/share/java/$jar.jar" "$1"
  done
  java_runs java || get_java "$1/jre"
}

# The machine's own Java may have gone since.
check_zookeeper() {
  [[ -f $1/zookeeper.jar ]] && { java_runs java || java_runs "$1/jre/bin/java"; }
}

java_runs() {
  "$1" -version >/dev/null 2>&1
}

get_java() {
  debian bookworm openjdk-17-jre-headless
  local home link file
  home=$(echo usr/lib/jvm/java-17-openjdk-*)
  # The package has its settings in /etc and links to them from where Java looks.
  find "$home" -type l -lname '/etc/java*' -printf '%p %l\n' | while read -r link file; do
    rm "$link"
    cp -r ".$file" "$link"
  done
  mv "$home" "$1"
}

check_kubernetes() {
  "$1/kube-apiserver" --version >/dev/null
}

# That of Debian 12 is as old as its kube-apiserver: its kustomize knows neither components nor patches of a kind.
get_kubectl() {
  debian trixie kubectl
  mv usr/bin/kubectl "$1"
}

check_kubectl() {
  "$1/kubectl" version --client >/dev/null
}

# `debian RELEASE PACKAGE…` unpacks packages into the current folder, `debian_source RELEASE PACKAGE` downloads a source package
# into it.

debian() {
  local release=$1 package
  shift
  mkdir -p "$WORK/debs"
  # By name and release: the machine may have a package of that name from elsewhere, of a higher version.
  (cd "$WORK/debs" && apt_of "$release" download "${@/%//$release}")
  for package in "$WORK/debs"/*.deb; do dpkg-deb -x "$package" .; done
  rm -r "$WORK/debs"
}

debian_source() {
  apt_of "$1" source --download-only "$2"
}

# apt-get for one release of Debian, with lists of its own: what the machine's apt knows, trusts and prefers stays as it is.
apt_of() {
  local release=$1 state=$WORK/apt-$1 options
  shift
  options=(
    -qq -o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o Dir::State::status=/var/lib/dpkg/status
    -o "Dir::Cache=$state/cache" -o "Dir::Etc::SourceList=$state/sources.list" -o "Dir::Etc::SourceParts=$state/none"
    -o "Dir::Etc::Preferences=$state/none" -o "Dir::Etc::PreferencesParts=$state/none"
    -o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=3
  )
  if [[ ! -d $state ]]; then
    local kind uri
    uri=$(mirror)
    mkdir -p "$state"/{lists,cache/archives}/partial "$state/none"
    for kind in deb deb-src; do
      echo "$kind [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $release main"
    done >"$state/sources.list"
    apt-get "${options[@]}" update || fail "cannot read the package lists of Debian $release from $uri"
  fi
  apt-get "${options[@]}" "$@" || fail "cannot download from Debian $release: $*"
}

# Where the machine has its own Debian packages from, whichever way its sources are written.
mirror() {
  local codename uri
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  for codename in "$codename" stable; do
    # Without release information: a machine that has never read its package lists knows its sources all the same.
    uri=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' "Release: $codename" 'Component: main' | head -n 1)
    [[ -z $uri ]] || break
  done
  [[ -n $uri ]] || fail "this machine's package sources name no Debian mirror"
  echo "$uri"
}

fail() {
  echo "install-registries.sh: $*" >&2
  exit 1
}

main "$@"
