#!/usr/bin/env bash
# Gradescope runs this once, when it builds the image: a Python, the packages that grading needs, and the kit.
set -euo pipefail
root="${AUTOGRADER_ROOT:-/autograder}"
umask 022

usable() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

choose() {
    for each in pythonPYTHON python3 python3.14 python3.13 python3.12 python3.11; do
        if usable "$each"; then
            python="$each"
            return 0
        fi
    done
    return 1
}

if ! choose; then
    apt-get update
    apt-get install -y pythonPYTHON pythonPYTHON-venv || apt-get install -y python3.11 python3.11-venv || true
    if ! choose; then
        echo "This image has no Python 3.11 or later, and apt knows none. Choose a newer base image, such as Ubuntu 24.04." >&2
        exit 1
    fi
fi

[ -x "$root/venv/bin/python" ] || "$python" -m venv "$root/venv"
"$root/venv/bin/python" -m pip install --no-input --disable-pip-version-check -r "$root/source/requirements.txt"

# Beside the packages, where the jail hides it; what is the course's own stays in source/, closed to everyone else.
packages="$("$root/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')"
cp -R "$root/source/kit/." "$packages/"

# Chooses the hidden inputs, unless they came with the bundle, and leaves compiled modules for every run to come.
"$root/venv/bin/python" -I -m autograder.platforms.gradescope prepare "$root"
chmod -R go= "$root/source"
