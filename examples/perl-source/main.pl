# SPDX-License-Identifier: Apache-2.0
# A handler: the event in, the answer out.
use strict;
use warnings;

sub handler {
    my ($event) = @_;
    my %count;
    $count{ lc $_ }++ for $event->{body} =~ /\w+/g;
    return \%count;
}

1;
