# SPDX-License-Identifier: Apache-2.0
#
# Ruby's URI says of "unix:///" that its host is "" since a security update; Debian's excon 0.88 takes that for a host that was named.
require 'excon'
require 'uri'

module UnixUri
  def self.parse(text)
    uri = URI.parse(text.to_s)
    uri.instance_variable_set(:@host, nil) if uri.host == ''
    uri
  end
end

Excon.defaults[:uri_parser] = UnixUri
