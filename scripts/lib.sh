# Shared by the scripts; sourced from the project's top folder.

if command -v ninja >/dev/null; then
	export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}
fi
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}

say() {
	printf '\n== %s\n' "$*"
}

# What a build says beside its progress.
quiet_build() {
	grep -vE '^(\[[ 0-9/%]+\] |\[ *[0-9]+%\] |gmake|ninja: (Entering|no work))' || true
}

# Configure and build one preset, printing only what went wrong.
build_preset() {
	local preset=$1 log=build/$1.log
	shift
	mkdir -p build
	say "build $preset"
	if { [ -f "build/$preset/CMakeCache.txt" ] || cmake --preset "$preset"; } >"$log" 2>&1 &&
		cmake --build --preset "$preset" "$@" >>"$log" 2>&1; then
		return 0
	fi
	cat "$log"
	echo "build $preset failed"
	return 1
}

# Debian's own Python, which has the client libraries; another may come first in PATH. What needs
# libraries from npm fails if they cannot be had, and the libraries' own tests are skipped. Most tests wait
# for what servers do, so two run side by side, each file's with its own servers.
pytest_run() {
	scripts/install-npm || true
	scripts/fetch-suites || true
	# shellcheck disable=SC2086 # a list of paths
	/usr/bin/python3 -m pytest -q -n "${PYTEST_WORKERS:-2}" --dist loadfile ${PYTEST_PATHS:-integration} "$@"
}
