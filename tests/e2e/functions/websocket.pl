#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A WebSocket server (RFC 6455) of perl-base alone: sends back each message of a client, as long as 125 bytes at most.
use strict;
use warnings;
use Digest::SHA 'sha1';
use IO::Socket::INET;
use MIME::Base64 'encode_base64';

$SIG{CHLD} = 'IGNORE';
my $listening = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ENV{PORT}, Listen => 16, ReuseAddr => 1) or die $!;
while (my $client = $listening->accept) {
    next if fork;
    my ($head, $frame) = ('', '');
    $client->sysread($head, 1, length $head) or exit until $head =~ /\r\n\r\n$/;
    my ($key) = $head =~ /^Sec-WebSocket-Key: *(\S+)\r$/mi or exit;
    my $accept = encode_base64(sha1($key . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'), '');
    $client->syswrite("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: $accept\r\n\r\n");
    for (;;) {
        $client->sysread($frame, 6 - length $frame, length $frame) or exit while length $frame < 6;
        my ($first, $size, $mask) = unpack 'CCa4', $frame;
        $size &= 127;
        $frame = '';
        $client->sysread($frame, $size - length $frame, length $frame) or exit while length $frame < $size;
        $client->syswrite(pack('CC', $first, $size) . ($frame ^ substr $mask x 32, 0, $size));
        $frame = '';
    }
}
