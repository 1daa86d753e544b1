#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A CGI/1.1 script: says what it was asked, and greets who signs the form.
bb=/bin/busybox

# One field of a form-encoded text: field NAME TEXT
field() {
    encoded=$(printf '%s' "$2" | $bb tr '&' '\n' | $bb sed -n "s/^$1=//p" | $bb head -n 1)
    $bb httpd -d "$encoded"
}

case $REQUEST_METHOD in
GET | HEAD) form=$QUERY_STRING ;;
POST) form=$($bb head -c "${CONTENT_LENGTH:-0}") ;;
*)
    printf 'Status: 405 Method Not Allowed\r\nAllow: GET, POST\r\nContent-Type: text/plain\r\n\r\nGET or POST, please.\n'
    exit
    ;;
esac
name=$(field name "$form")

printf 'Content-Type: text/plain; charset=utf-8\r\n\r\n'
printf 'Welcome, %s!\n\n' "${name:-stranger}"
printf 'method  %s\npath    %s\nquery   %s\n' "$REQUEST_METHOD" "${PATH_INFO:-}" "$QUERY_STRING"
