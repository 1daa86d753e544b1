# SPDX-License-Identifier: Apache-2.0
# The routes that an application knows itself, in Shallop's patterns.
module Shallop
  module_function

  # Sinatra: [{path: "/a/{id}", methods: ["GET"]}]; [] where the application cannot tell.
  def routes_of(application)
    table = application.respond_to?(:routes) ? application.routes : nil
    return [] unless table.is_a?(Hash)
    found = Hash.new { |all, path| all[path] = [] }
    table.each do |method, routes|
      next if method == 'HEAD'
      routes.each { |pattern, *| (path = path_of(pattern.to_s)) && found[path] << method }
    end
    found.map { |path, methods| { 'path' => path, 'methods' => methods.uniq } }
  end

  # nil for what only Sinatra's own patterns can say.
  def path_of(pattern)
    return nil unless pattern.match?(%r{\A/[\w\-./:]*(?:/\*)?\z})
    pattern.gsub(/:(\w+)/, '{\1}')
  end
end
