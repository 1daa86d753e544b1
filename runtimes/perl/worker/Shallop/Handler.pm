# SPDX-License-Identifier: Apache-2.0
# Serves handler functions: handler($event) or handler($event, $context).
package Shallop::Handler;
use strict;
use warnings;
use Encode ();
use JSON::XS ();
use MIME::Base64 ();

my $json = JSON::XS->new->utf8->allow_nonref->canonical->convert_blessed;
my %answer_key = map { $_ => 1 } qw(status statusCode headers multiValueHeaders body base64 isBase64Encoded cookies);
my $framing = qr/^(?:content-length|transfer-encoding)$/i;    # said by the runtime, whatever a handler says
my $text_type = qr{^(?:text/|application/(?:x-www-form-urlencoded|xml|javascript|yaml)$)};
my ($plain, $bytes_type, $json_type) = ('text/plain; charset=utf-8', 'application/octet-stream', 'application/json');

sub server {
    my ($handler, $said) = @_;
    return sub {
        my ($env) = @_;
        my ($event, $problem) = event_of($env);
        return [400, ['Content-Type' => $plain], ["$problem\n"]] if $problem;
        my $context = { function_name => $said->{function}, function_version => "$said->{version}", invocation_id => $event->{id}, aws_request_id => $event->{id} };
        return answer(scalar $handler->($event, $context));
    };
}

sub characters { return eval { Encode::decode('UTF-8', "$_[0]", Encode::FB_CROAK) } }

sub unescaped {
    my ($text) = @_;
    $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return characters($text) // $text;
}

sub event_of {
    my ($env) = @_;
    my %headers;
    for my $key (keys %$env) {
        next unless $key =~ /^(?:HTTP_(.+)|(CONTENT_(?:TYPE|LENGTH)))$/ && defined $env->{$key};
        (my $name = lc($1 // $2)) =~ tr/_/-/;
        $headers{$name} = $env->{$key};
    }
    my %query;
    for my $pair (split /[&;]/, $env->{QUERY_STRING} // '') {
        my ($name, $value) = map { tr/+/ /; unescaped($_) } split /=/, $pair, 2;
        $query{$name} = $value // '' if defined $name;
    }
    local $/;
    my $data = readline($env->{'psgi.input'}) // '';
    my ($body, $encoded, $problem) = decoded($data, lc($headers{'content-type'} // ''));
    return undef, $problem if $problem;
    return { method => $env->{REQUEST_METHOD}, path => characters($env->{PATH_INFO}) // $env->{PATH_INFO}, query => \%query, headers => \%headers,
             body => $body, base64 => $encoded ? JSON::XS::true : JSON::XS::false, id => $headers{'x-shallop-invocation-id'} // '' };
}

sub decoded {
    my ($data, $type) = @_;
    my ($kind) = $type =~ /^\s*([^;\s]*)/;
    if ($kind eq $json_type || $kind =~ /\+json$/) {
        return undef, 0 unless length $data;
        my $value = eval { $json->decode($data) };
        return $@ ? (undef, 0, 'the body is not JSON: ' . ($@ =~ s/ at \S+ line \d+\.?\s*$//r)) : ($value, 0);
    }
    if ($kind eq '' || $kind =~ $text_type) {
        my $text = characters($data);
        return $text, 0 if defined $text;
    }
    return MIME::Base64::encode($data, ''), 1;
}

sub answer {
    my ($result) = @_;
    return [204, [], []] unless defined $result;
    return as_said($result) if ref $result eq 'HASH' && says_how($result);
    my ($type, $body) = encoded($result);
    return [200, ['Content-Type' => $type], [$body]];
}

sub says_how {
    my ($said) = @_;
    my $status = $said->{status} // $said->{statusCode} // '';
    return !ref $status && $status =~ /^[2-5]\d\d$/ && !grep { !$answer_key{$_} } keys %$said;
}

sub as_said {
    my ($said) = @_;
    my %given = (%{ $said->{headers} || {} }, %{ $said->{multiValueHeaders} || {} });
    $given{'Set-Cookie'} = [map { ref $_ ? @$_ : $_ // () } $given{'Set-Cookie'}, $said->{cookies}] if $said->{cookies};
    my @fields = map { my $name = $_; map { ($name => "$_") } ref $given{$name} eq 'ARRAY' ? @{ $given{$name} } : $given{$name} } grep { $_ !~ $framing } sort keys %given;
    my $status = $said->{status} // $said->{statusCode};
    return [$status, \@fields, []] unless defined $said->{body};
    my ($type, $body) = encoded($said->{body});
    ($type, $body) = ($bytes_type, MIME::Base64::decode($body)) if $said->{base64} || $said->{isBase64Encoded};
    push @fields, 'Content-Type' => $type unless grep { lc eq 'content-type' } keys %given;
    return [$status, \@fields, [$body]];
}

# Characters are sent as UTF-8; bytes as they are, as text if they are UTF-8.
sub encoded {
    my ($value) = @_;
    return $json_type, $json->encode($value) if ref $value;
    return $plain, Encode::encode_utf8($value) if utf8::is_utf8($value);
    return defined characters($value) ? $plain : $bytes_type, $value;
}

1;
