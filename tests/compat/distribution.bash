# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # variables of tools/compat
#
# The conformance suites of the distribution-spec judge berth registry: that of version 1.1.1 (Go tests), or the program that later checkouts have.

distribution_build() {
	mkdir -p "$place"
	if [ -f "$DISTRIBUTION_SRC/conformance/main.go" ]; then
		(cd "$DISTRIBUTION_SRC/conformance" && go build -o "$place/distribution" .)
	else
		(cd "$DISTRIBUTION_SRC/conformance" && go test -c -o "$place/distribution" .)
	fi
}

# REGISTRY_URL judges another registry, which runs already and allows deletion.
distribution_run() {
	local dir url=${REGISTRY_URL:-} pid='' status=0
	dir=$(mktemp -d "${TMPDIR:-/tmp}/berth-compat.XXXXXX")
	if [ -z "$url" ]; then
		"${BERTH:-$top/build/src/berth}" registry --addr 127.0.0.1:0 --data "$dir/data" --delete >"$dir/out" 2>"$dir/err" &
		pid=$!
		until [ -s "$dir/out" ] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
		url=$(sed -n 's/^berth registry is up: \([^,]*\), .*/\1/p' "$dir/out")
	fi
	mkdir -p "$place/results/distribution"
	if [ -f "$DISTRIBUTION_SRC/conformance/main.go" ]; then
		OCI_REGISTRY=${url#*//} OCI_TLS=disabled OCI_RESULTS_DIR=$place/results/distribution OCI_LOG=error \
			OCI_API_BLOBS_DIGEST_HEADER=true OCI_API_BLOBS_UPLOAD_CANCEL=true OCI_API_MANIFESTS_DIGEST_HEADER=true \
			"$place/distribution" || status=$?
	else
		(cd "$dir" && OCI_ROOT_URL=$url OCI_NAMESPACE=team/app OCI_CROSSMOUNT_NAMESPACE=team/other OCI_TEST_PULL=1 OCI_TEST_PUSH=1 \
			OCI_TEST_CONTENT_DISCOVERY=1 OCI_TEST_CONTENT_MANAGEMENT=1 OCI_REPORT_DIR=$place/results/distribution \
			"$place/distribution") || status=$?
	fi
	if [ -n "$pid" ]; then
		kill "$pid"
		wait "$pid" || true
	fi
	rm -rf "$dir"
	return "$status"
}
