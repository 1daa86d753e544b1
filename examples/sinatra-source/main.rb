# SPDX-License-Identifier: Apache-2.0
require 'sinatra'

get '/tide/:hour' do |hour|
  format("%.2f m\n", 2 + 1.5 * Math.cos(2 * Math::PI * hour.to_f / 12.42))
end
