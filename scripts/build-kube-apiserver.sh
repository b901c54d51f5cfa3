# The recipe of kubernetes, for install-registries.sh: `get_kubernetes FOLDER` leaves kube-apiserver in the folder, built in the
# current one (an empty folder; about 3 GB go through it).
#
# No package holds this server. Debian 12 has its source with everything it imports, though not in a state to build: one
# generated file is missing, and Go's module mode refuses the vendor folder, so it is built the old way, in a GOPATH.
# shellcheck shell=bash

KUBERNETES=k8s.io/kubernetes

get_kubernetes() {
  local folder=$1 root=$PWD
  mkdir -p go tmp "gopath/src/$KUBERNETES" source
  (cd go && debian bookworm golang-1.19-go golang-1.19-src)
  (cd source && debian_source bookworm kubernetes)
  tar -xzf source/kubernetes_*.orig.tar.gz --strip-components=1 -C "gopath/src/$KUBERNETES"
  (
    cd "gopath/src/$KUBERNETES"
    export GOROOT=$root/go/usr/lib/go-1.19 GOPATH=$root/gopath GOCACHE=$root/cache GOTMPDIR=$root/tmp PATH="$root/go/usr/lib/go-1.19/bin:$PATH"
    # No C compiler is needed, nor does the binary need a library; the clouds' own parts are half of the build.
    export GO111MODULE=off GOFLAGS=-tags=providerless CGO_ENABLED=0
    renice -n 5 -p "$BASHPID" >/dev/null
    write_openapi_definitions "$root"
    go build -o "$folder/kube-apiserver" \
      -ldflags "-s -w -X $KUBERNETES/vendor/k8s.io/component-base/version.gitVersion=v$(upstream_version "$root")" \
      ./cmd/kube-apiserver
  )
}

# The missing file, pkg/generated/openapi/zz_generated.openapi.go: without it the server cannot describe its types and does not
# start.
write_openapi_definitions() {
  local root=$1 inputs
  go build -o "$root/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
  inputs=$(
    # The compiler knows the staging folders by the links to them in vendor/.
    grep -rl --include='*.go' '+k8s:openapi-gen=true' pkg staging/src/k8s.io | xargs -n 1 dirname | sort -u |
      grep -vE '/(test|code-generator|cli-runtime)|/sample' |
      sed -E "s#^staging/src/#vendor/#; s#^#$KUBERNETES/#" | paste -sd,
  )
  "$root/openapi-gen" -i "$inputs" -O zz_generated.openapi -p "$KUBERNETES/pkg/generated/openapi" \
    -h hack/boilerplate/boilerplate.generatego.txt -r /dev/null
}

# Debian says 1.20.5+really1.20.2-1.1.
upstream_version() {
  basename "$1"/source/kubernetes_*.dsc | sed -E 's/^kubernetes_(.*really)?([0-9.]+)-.*$/\2/'
}
