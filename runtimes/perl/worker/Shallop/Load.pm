# SPDX-License-Identifier: Apache-2.0
# From files to something that serves: which file, what it defines, and what kind of thing that is.
package Shallop::Load;
use strict;
use warnings;
use Cwd ();
use File::Spec;
use Encode ();
use Shallop::Handler;
use Shallop::Script;

my @entries = qw(app.psgi main.psgi main.pl app.pl handler.pl function.pl index.pl);
my @handlers = qw(handler handle);
my $application = qr/\$app\b|\bPlack::Builder\b|\bDancer2?\b|\bMojolicious::Lite\b|->to_app\b/;

sub refuse { die { error => $_[0], detail => $_[1] // '' } }

sub load {
    my ($said) = @_;
    refuse("this runtime speaks protocol 1, not " . ($said->{protocol} // 'none')) unless ($said->{protocol} // '') eq '1';
    my $root = Cwd::realpath($said->{code} || '/code');
    chdir $root or refuse("$root: $!");
    my $given = $said->{env} || {};
    $ENV{ Encode::encode_utf8($_) } = Encode::encode_utf8($given->{$_}) for keys %$given;
    my $entry = choose($root, $said->{entry} // '');
    my ($handler) = reverse split /:(?!:)(?<!::)/, $said->{handler} // '';
    $handler //= '';
    my $file = "$root/$entry";
    my ($volume, $folder) = File::Spec->splitpath($file);
    $folder =~ s{/$}{};
    my %seen;
    unshift @INC, grep { -d $_ && !$seen{$_}++ } $folder, $root, "$root/lib";
    my $source = source($file);
    my $kind = $entry =~ /\.psgi$/ ? 'psgi' : $handler eq 'script' ? 'script' : defines($source, $handler) ? 'handler' : $source =~ $application ? 'psgi' : 'script';
    refuse("$entry: has no '$handler', which the handler names") if length $handler && $handler ne 'script' && $kind ne 'handler';
    if ($kind eq 'script') {
        check($root, $entry, $file);
        return { kind => 'script', handler => $entry, serve => Shallop::Script::server($file) };
    }
    my $value = run($root, $entry, $file);
    return { kind => 'psgi', handler => $entry, serve => psgi($entry, $value) } if $kind eq 'psgi';
    my ($name) = grep { main->can($_) } length $handler ? $handler : @handlers;
    refuse("$entry: has no '$handler', which the handler names") unless $name;
    return { kind => 'handler', handler => "$entry:$name", serve => Shallop::Handler::server(main->can($name), $said) };
}

sub choose {
    my ($root, $entry) = @_;
    if (length $entry) {
        my $full = Cwd::realpath("$root/$entry");
        return $entry if defined $full && -f $full && index($full, "$root/") == 0;
        refuse("$entry: there is no such file in the function's code");
    }
    for my $name (@entries) { return $name if -f "$root/$name" }
    my @all = map { s{.*/}{}r } glob "$root/*.pl $root/*.psgi";
    return $all[0] if @all == 1;
    refuse('there is no main.pl; name the file to load as `entry`' . (@all ? ': one of ' . join(', ', @all) : ''));
}

sub source {
    my ($file) = @_;
    open my $in, '<', $file or refuse("$file: $!");
    local $/;
    my $source = readline $in;
    $source =~ s/^\s*#.*$//mg;
    $source =~ s/^__(?:END|DATA)__$.*//ms;
    return $source;
}

sub defines {
    my ($source, $handler) = @_;
    my $names = length $handler ? quotemeta $handler : join '|', @handlers;
    return $source =~ /^\s*sub\s+(?:$names)\b/m;
}

sub run {
    my ($root, $entry, $file) = @_;
    local ($@, $!);
    my $value = do {
        package main;
        no strict;
        no warnings;
        local $0 = $file;
        do $file;
    };
    refuse(sentence($root, $entry, "$@"), "$@") if $@;
    refuse("$entry: $!") if !defined $value && $!;
    return $value;
}

sub psgi {
    my ($entry, $value) = @_;
    $value = $value->to_app if ref $value && ref $value ne 'CODE' && eval { $value->can('to_app') };
    refuse("$entry: its last value is no PSGI application (a reference to code)") unless ref $value eq 'CODE';
    return $value;
}

# Whether the script can be compiled: it is not run to find that out.
sub check {
    my ($root, $entry, $file) = @_;
    my $said = do {
        open my $out, '-|', "perl -I'$root' -I'$root/lib' -c '$file' 2>&1" or refuse("$file: $!");
        local $/;
        readline $out;
    };
    refuse(sentence($root, $entry, $said), $said) if $? != 0;
}

# File, line and reason, from the words of Perl.
sub sentence {
    my ($root, $entry, $said) = @_;
    $said =~ s/^(?:Compilation failed|BEGIN failed).*$//m;
    my ($reason, $where) = $said =~ m{^(.*?) at \Q$root\E/(\S+ line \d+)}m;
    return "$entry: " . ($said =~ /^(.+)$/m ? $1 : 'it cannot be loaded') unless defined $where;
    $where =~ s/ line /, line /;
    $reason =~ s/ \(\@INC contains:.*//;
    $reason =~ s/ \(you may need to install.*//;
    return "$where: $reason";
}

1;
