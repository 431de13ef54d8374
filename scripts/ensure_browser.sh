#!/bin/sh
# The browser tests drive Debian's Chromium and need a font with Chinese glyphs.
set -eu
if [ ! -x /usr/bin/chromium ] || ! fc-list ':lang=zh' 2>/dev/null | grep -q .; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        apt-get install -y -qq chromium fonts-noto-cjk fontconfig >/dev/null
    else
        echo "The browser tests need Chromium and a Chinese font: sudo apt-get install chromium fonts-noto-cjk" >&2
        exit 1
    fi
fi
