# SPDX-License-Identifier: Apache-2.0
# HTTP/1.1 on a kept connection, for one peer: the daemon, which sends nothing that is malformed.
package Shallop::Http;
use strict;
use warnings;

use constant { PIECE => 65536, HEAD_LIMIT => 262144, IN_MEMORY => 1048576 };

package Shallop::Http::Connection;
use Plack::HTTPParser qw(parse_http_request);
use Plack::Util;

sub new {
    my ($class, $socket) = @_;
    return bless { socket => $socket, buffer => '' }, $class;
}

sub more {
    my ($self) = @_;
    return sysread $self->{socket}, $self->{buffer}, Shallop::Http::PIECE, length $self->{buffer};
}

# The next request as a PSGI environment, its body read; undef where the connection has ended.
sub request {
    my ($self, $several) = @_;
    my %env = (
        SCRIPT_NAME => '', SERVER_NAME => 'localhost', SERVER_PORT => 80, REMOTE_ADDR => '127.0.0.1',
        'psgi.version' => [1, 1], 'psgi.errors' => \*STDERR, 'psgi.url_scheme' => 'http', 'psgi.run_once' => Plack::Util::FALSE,
        'psgi.multithread' => Plack::Util::FALSE, 'psgi.multiprocess' => $several ? Plack::Util::TRUE : Plack::Util::FALSE,
        'psgi.streaming' => Plack::Util::TRUE, 'psgi.nonblocking' => Plack::Util::FALSE, 'psgix.input.buffered' => Plack::Util::TRUE,
    );
    my $length;
    while (1) {
        $length = length $self->{buffer} ? parse_http_request($self->{buffer}, \%env) : -2;
        last if $length >= 0;
        return undef if $length == -1 || length $self->{buffer} > Shallop::Http::HEAD_LIMIT || !$self->more;
    }
    substr $self->{buffer}, 0, $length, '';
    if (($env{HTTP_HOST} // '') =~ /^(.+?)(?::(\d+))?$/) { @env{qw(SERVER_NAME SERVER_PORT)} = ($1, $2 // 80) }
    my $input = eval { $self->body(\%env) } or return undef;
    $env{'psgi.input'} = $input;
    return \%env;
}

# The body as a file that can be read again: small ones in memory.
sub body {
    my ($self, $env) = @_;
    if (lc($env->{HTTP_TRANSFER_ENCODING} // '') eq 'chunked') {
        open my $file, '+>', undef or die "$!\n";
        my $whole = 0;
        while ((my $size = hex $self->line) > 0) {
            $self->copy($file, $size);
            $whole += $size;
            $self->line;
        }
        1 while length $self->line;
        delete $env->{HTTP_TRANSFER_ENCODING};
        $env->{CONTENT_LENGTH} = $whole;
        seek $file, 0, 0;
        return $file;
    }
    my $length = $env->{CONTENT_LENGTH} || 0;
    my $memory = '';
    my $file;
    if ($length <= Shallop::Http::IN_MEMORY) {
        open $file, '+<', \$memory or die "$!\n";
    } else {
        open $file, '+>', undef or die "$!\n";
    }
    $self->copy($file, $length) if $length;
    seek $file, 0, 0;
    return $file;
}

sub copy {
    my ($self, $file, $left) = @_;
    binmode $file;
    while ($left > 0) {
        length $self->{buffer} or $self->more or die "shallop: the peer has gone\n";
        my $piece = substr $self->{buffer}, 0, $left, '';
        $left -= length $piece;
        print {$file} $piece or die "no room for the body: $!\n";
    }
}

sub line {
    my ($self) = @_;
    until ($self->{buffer} =~ /\r\n/) { $self->more or die "shallop: the peer has gone\n" }
    $self->{buffer} =~ s/^(.*?)\r\n//s;
    return $1;
}

# All bodies are read before the code sees them.
sub drained { return 1 }

package Shallop::Http::Reply;
use HTTP::Status ();
use Plack::Util;

sub new {
    my ($class, $connection, $env) = @_;
    my $keep = ($env->{SERVER_PROTOCOL} // '') eq 'HTTP/1.1' && ($env->{HTTP_CONNECTION} // '') !~ /close/i;
    return bless { socket => $connection->{socket}, env => $env, keep => $keep, started => 0 }, $class;
}

# Characters that are no bytes are sent as UTF-8.
sub bytes_of {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text) && !utf8::downgrade($text, 1);
    return $text;
}

sub out {
    my ($self, $bytes) = @_;
    my $offset = 0;
    while ($offset < length $bytes) {
        my $sent = syswrite $self->{socket}, $bytes, length($bytes) - $offset, $offset;
        die "shallop: the peer has gone\n" unless defined $sent;
        $offset += $sent;
    }
}

# A PSGI answer of any of its three kinds.
sub send {
    my ($self, $answer) = @_;
    return $self->whole($answer) if ref $answer eq 'ARRAY';
    die "the application answered with no PSGI response\n" unless ref $answer eq 'CODE';
    $answer->(sub {
        my ($given) = @_;
        return $self->whole($given) if @$given == 3;
        $self->head($given->[0], $given->[1], undef, '');
        return Plack::Util::inline_object(write => sub { $self->piece($_[0]) }, close => sub { $self->finish });
    });
}

sub whole {
    my ($self, $answer) = @_;
    my ($status, $fields, $body) = @$answer;
    if (ref $body eq 'ARRAY') {
        my $bytes = join '', map { bytes_of($_ // '') } @$body;
        return $self->head($status, $fields, length $bytes, $bytes);
    }
    $self->head($status, $fields, undef, '');
    Plack::Util::foreach($body, sub { $self->piece($_[0]) });
    $self->finish;
}

sub head {
    my ($self, $status, $fields, $length, $bytes) = @_;
    my $reason = HTTP::Status::status_message($status) // '';
    my $head = "HTTP/1.1 $status $reason\r\n";
    my $declared;
    for (my $at = 0; $at < @$fields; $at += 2) {
        my ($name, $value) = @$fields[$at, $at + 1];
        next if $name =~ /^(?:connection|keep-alive|transfer-encoding)$/i;
        die "the header $name has what no header may have, such as a line break\n"
            if $name !~ /^[!#\$%&'*+.^_`|~0-9A-Za-z-]+\z/ || $value =~ /[\x00-\x08\x0a-\x1f\x7f]/;
        $declared = $value if lc $name eq 'content-length';
        $head .= "$name: $value\r\n";
    }
    my $none = $status == 204 || $status == 304;
    $self->{bodiless} = $none || $self->{env}{REQUEST_METHOD} eq 'HEAD';
    if (!defined $declared && !$none) {
        if (defined $length) {
            $head .= "Content-Length: $length\r\n";
        } elsif (!$self->{bodiless}) {
            $self->{chunked} = 1;
            $head .= "Transfer-Encoding: chunked\r\n";
        }
    }
    $self->{left} = $declared unless $self->{bodiless};
    $head .= "Connection: close\r\n" unless $self->{keep};
    $self->{started} = 1;
    $self->out(bytes_of("$head\r\n") . ($self->{bodiless} ? '' : $self->cut($bytes)));
    $self->finish if defined $length;
}

# No more than was promised.
sub cut {
    my ($self, $bytes) = @_;
    return $bytes unless defined $self->{left};
    $bytes = substr $bytes, 0, $self->{left};
    $self->{left} -= length $bytes;
    return $bytes;
}

sub piece {
    my ($self, $piece) = @_;
    return if $self->{bodiless} || !defined $piece || !length $piece;
    my $bytes = bytes_of($piece);
    $self->out($self->{chunked} ? sprintf("%x\r\n", length $bytes) . $bytes . "\r\n" : $self->cut($bytes));
}

sub finish {
    my ($self) = @_;
    $self->out("0\r\n\r\n") if $self->{chunked};
    $self->{keep} = 0 if $self->{left};    # less than was promised: the end of the connection is how the peer learns it
}

1;
