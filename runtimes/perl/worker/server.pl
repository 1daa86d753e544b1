# SPDX-License-Identifier: Apache-2.0
# The Perl runtime of Shallop: listens without any code, gets it by one call, and serves it (docs/protocol.md, "Writing a runtime").
use strict;
use warnings;

BEGIN {
    # Code that ends itself while it is loaded or serves is a failure of its own, not the end of this process; a script has one of its own.
    $Shallop::may_exit = 1;
    *CORE::GLOBAL::exit = sub {
        my ($code, undef, $file, $line) = ($_[0] // 0, caller);
        CORE::exit($code) if $Shallop::may_exit;
        die "the code ended itself (exit $code) at $file line $line.\n";
    };
}

package Shallop::Server;
use IO::Select;
use IO::Socket::UNIX;
use JSON::XS ();
use Plack::HTTPParser qw(parse_http_request);
use Plack::Request;
use Plack::Builder;
use Encode;
use MIME::Base64;
use POSIX ();
use Shallop::Http;
use Shallop::Load;

use constant { SPECIALIZE => '/.shallop/specialize', PIECE => 65536, HEAD_LIMIT => 262144 };

my ($loaded, $refusal, $concurrency) = (undef, "this container has no code yet\n", 1);
my $json = JSON::XS->new->utf8->canonical;

sub text { return [$_[0], ['Content-Type' => 'text/plain; charset=utf-8'], [$_[1]]] }
sub json { return [$_[0], ['Content-Type' => 'application/json'], [$json->encode($_[1])]] }

sub before {
    my ($env) = @_;
    return text(503, $refusal) unless $env->{REQUEST_METHOD} eq 'POST' && $env->{REQUEST_URI} eq SPECIALIZE;
    local $/;
    my $body = readline $env->{'psgi.input'};
    local $Shallop::may_exit = 0;
    my $found = eval {
        my $said = $json->decode($body);
        $concurrency = $said->{concurrency} || 1;
        Shallop::Load::load($said);
    };
    if (my $error = $@) {
        $error = { error => "$error", detail => '' } unless ref $error eq 'HASH';
        chomp $error->{error};
        print STDERR $error->{detail} || "$error->{error}\n";
        $refusal = "the code could not be loaded: $error->{error}\n";
        utf8::encode($refusal) if utf8::is_utf8($refusal);
        return json(422, $error);
    }
    $loaded = $found;
    return json(200, { kind => $found->{kind}, handler => $found->{handler} });
}

sub application {
    my ($env) = @_;
    return before($env) unless $loaded;
    if (defined(my $prefix = $env->{HTTP_X_FORWARDED_PREFIX})) { ($env->{SCRIPT_NAME} = $prefix) =~ s{/$}{} }
    $env->{REMOTE_ADDR} = $1 if ($env->{HTTP_X_FORWARDED_FOR} // '') =~ /([^,\s]+)\s*$/;
    $env->{'psgi.url_scheme'} = $env->{HTTP_X_FORWARDED_PROTO} if $env->{HTTP_X_FORWARDED_PROTO};
    local $Shallop::may_exit = 0;
    return $loaded->{serve}->($env);
}

# One request of a connection; false where it is to be closed.
sub turn {
    my ($connection) = @_;
    my $env = $connection->request($concurrency > 1) or return 0;
    my $reply = Shallop::Http::Reply->new($connection, $env);
    my $ok = eval {
        my $answer = application($env);
        $reply->{keep} = 0 if $concurrency > 1;    # known since the code came, perhaps by this very request
        $reply->send($answer);
        1;
    };
    return $reply->{keep} && $connection->drained if $ok;
    my $error = $@;
    return 0 if $error =~ /^shallop: the peer/;
    print STDERR $error;
    return 0 if $reply->{started};
    $reply->{keep} = 0 if $concurrency > 1;
    return eval { $reply->send(text(500, "the function has failed; its log says why\n")); 1 } && $reply->{keep} && $connection->drained;
}

# Serves all connections of the listener in this process, one request at a time, until done() says so.
sub serve {
    my ($listener, $done) = @_;
    my $select = IO::Select->new($listener);
    my %connections;
    until ($done->()) {
        for my $ready ($select->can_read) {
            if ($ready == $listener) {
                my $accepted = $listener->accept or next;
                $accepted->blocking(1);
                $connections{ fileno $accepted } = Shallop::Http::Connection->new($accepted);
                $select->add($accepted);
                next;
            }
            my $connection = $connections{ fileno $ready };
            my $good = turn($connection);
            $good = turn($connection) while $good && length $connection->{buffer};
            next if $good;
            $select->remove($ready);
            delete $connections{ fileno $ready };
            close $ready;
        }
    }
}

# A process that takes a connection only when it is free to serve it: its request, and the end.
sub worker {
    my ($listener) = @_;
    my $child = fork // die "no process: $!\n";
    return $child if $child;
    while (1) {
        my $accepted = $listener->accept or next;
        turn(Shallop::Http::Connection->new($accepted));
        close $accepted;
    }
}

my $path = $ENV{SHALLOP_SOCKET} || '/tmp/shallop.sock';
unlink $path;
$SIG{PIPE} = 'IGNORE';
binmode STDERR;
STDOUT->autoflush(1);
my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 1024) or die "$path: $!\n";
chmod 0666, $path;
$listener->blocking(0);
serve($listener, sub { $loaded && $concurrency > 1 });
# Several events at once: a process for each, and the one that dies is replaced.
$listener->blocking(1);
my %workers = map { worker($listener) => 1 } 1 .. $concurrency;
while ((my $gone = waitpid -1, 0) > 0) {
    $workers{ worker($listener) } = 1 if delete $workers{$gone};
}
