# SPDX-License-Identifier: Apache-2.0
# Runs a plain script for each request, as CGI does (RFC 3875): in a fork of this process.
package Shallop::Script;
use strict;
use warnings;
use Cwd ();
use POSIX ();

use constant { HEAD_LIMIT => 65536, PIECE => 65536 };

sub server {
    my ($file) = @_;
    return sub {
        my ($env) = @_;
        my $input = as_file($env->{'psgi.input'});
        pipe my $from, my $to or die "no pipe: $!\n";
        my $child = fork // die "no process: $!\n";
        become($file, $input, $to, $env) unless $child;
        close $to;
        return reply($from, $child);
    };
}

# A body in memory has no descriptor.
sub as_file {
    my ($body) = @_;
    return $body if fileno $body >= 0;
    open my $file, '+>', undef or die "$!\n";
    binmode $file;
    my $piece;
    print {$file} $piece while read $body, $piece, PIECE;
    $file->flush;
    seek $file, 0, 0;
    return $file;
}

# The child: never returns.
sub become {
    my ($file, $input, $to, $env) = @_;
    setpgrp;
    sysseek $input, 0, 0;
    POSIX::dup2(fileno $input, 0);
    POSIX::dup2(fileno $to, 1);
    STDOUT->autoflush(0);
    $SIG{PIPE} = 'DEFAULT';
    $ENV{$_} = $env->{$_} for grep { /^[A-Z0-9_]+$/ && $_ ne 'HTTP_PROXY' && !ref $env->{$_} } keys %$env;
    @ENV{qw(SCRIPT_FILENAME DOCUMENT_ROOT GATEWAY_INTERFACE SERVER_SOFTWARE REDIRECT_STATUS)} = ($file, Cwd::getcwd(), 'CGI/1.1', 'shallop', 200);
    $ENV{CONTENT_LENGTH} = $env->{CONTENT_LENGTH} || '';
    $Shallop::may_exit = 1;
    @ARGV = ();
    {
        package main;
        no strict;
        no warnings;
        $0 = $file;
        do $file;
    }
    if ($@) {
        print STDERR $@;
        STDOUT->flush;
        POSIX::_exit(255);
    }
    CORE::exit(0);
}

# Holds the output until it is clear what it is: a CGI document from the end of its header on, else plain output to its end.
sub reply {
    my ($from, $child) = @_;
    my ($held, $head, $ended) = ('', undef, 0);
    until ($head || $ended || length $held >= HEAD_LIMIT) {
        $ended = !sysread $from, $held, PIECE, length $held;
        $head = eval { cgi_head($held) };
        next unless my $error = $@;
        kill 'KILL', -$child;
        succeeded($child);
        die $error;
    }
    if (!$head && $ended && !succeeded($child)) {
        return [500, ['Content-Type' => 'text/plain; charset=utf-8'], ["the function has failed; its log says why\n"]];
    }
    my ($status, $fields, $rest) = $head ? @$head : (200, ['Content-Type' => ($held =~ /^\s*</ ? 'text/html' : 'text/plain') . '; charset=utf-8'], $held);
    return [$status, $fields, [$rest]] if $ended && !$head;
    return sub {
        my ($respond) = @_;
        my $whole = eval {
            my $writer = $respond->([$status, $fields]);
            $writer->write($rest) if length $rest;
            while (sysread $from, my $piece, PIECE) { $writer->write($piece) }
            $writer->close;
            1;
        };
        my $error = $@;
        kill 'KILL', -$child unless $whole;
        succeeded($child);
        die $error unless $whole;
    };
}

sub succeeded {
    my ($child) = @_;
    waitpid $child, 0;
    print STDERR "the script failed\n" if $?;
    return $? == 0;
}

sub cgi_head {
    my ($held) = @_;
    my ($block, $rest) = $held =~ /^(.*?)\r?\n\r?\n(.*)\z/s or return undef;
    my ($status, $known, @fields) = (200, 0);
    for my $line (split /\r?\n/, $block) {
        my ($name, $value) = $line =~ /^([!#\$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)\s*$/ or return undef;
        $known = 1 if $name =~ /^(?:content-type|status|location)$/i;
        $status = 302 if lc $name eq 'location' && $status == 200;
        if (lc $name eq 'status') { ($status) = $value =~ /^([2-5]\d\d)(?!\S)/ or die "the script said a Status that is none: $value\n" }
        else { push @fields, $name => $value }
    }
    return $known ? [$status, \@fields, $rest] : undef;
}

1;
