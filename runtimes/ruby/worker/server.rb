# SPDX-License-Identifier: Apache-2.0
# The Ruby runtime of Shallop: Puma, listening without any code, that gets it by one call (docs/protocol.md, "Writing a runtime").
require 'json'
require 'base64'
require 'net/http'
require 'set'
require 'stringio'
require 'tempfile'
require 'time'
require 'uri'
require 'rack'
require 'puma'
require 'puma/server'
require 'sinatra/base'
require_relative 'load'
require_relative 'routes'

$stdout.sync = true

# The Rack application that Puma runs: specialize first, then the function's own.
class Front
  SPECIALIZE = '/.shallop/specialize'.freeze
  TEXT = { 'Content-Type' => 'text/plain; charset=utf-8' }.freeze
  FAILED = "the function has failed; its log says why\n".freeze

  def initialize
    @loaded, @refusal, @lock = nil, "this container has no code yet\n", Mutex.new
  end

  def call(env)
    return before(env) unless @loaded
    prepare(env)
    sendable(@loaded.call(env))
  rescue StandardError, ScriptError, SystemExit => e
    warn Shallop.story(e)
    [500, TEXT.dup, [FAILED]]
  end

  private

  # With a 205 Puma sends no body, but the length of the one that it has, or none.
  def sendable(answer)
    return answer unless answer[0].to_i == 205
    answer[2].close if answer[2].respond_to?(:close)
    [205, answer[1].reject { |name, _| name.casecmp?('content-length') }.merge('Content-Length' => '0'), []]
  end

  def prepare(env)
    if (prefix = env['HTTP_X_FORWARDED_PREFIX'])
      env['SCRIPT_NAME'] = prefix.chomp('/')
    end
    env['REMOTE_ADDR'] = env['HTTP_X_FORWARDED_FOR'].to_s.split(',').last.to_s.strip if env['HTTP_X_FORWARDED_FOR']
    env['rack.url_scheme'] = env['HTTP_X_FORWARDED_PROTO'] if env['HTTP_X_FORWARDED_PROTO']
  end

  def before(env)
    return [503, TEXT.dup, [@refusal]] unless env['REQUEST_METHOD'] == 'POST' && env['PATH_INFO'] == SPECIALIZE
    @lock.synchronize do
      found = Shallop.load_code(JSON.parse(env['rack.input'].read))
      @loaded = found.application
      said = { 'kind' => found.kind, 'handler' => found.handler }
      routes = Shallop.routes_of(found.application)
      said['routes'] = routes unless routes.empty?
      json(200, said)
    end
  rescue Shallop::LoadError => e
    refuse(e.message, e.detail)
  rescue StandardError => e
    refuse("#{e.class}: #{e.message}", e.full_message(highlight: false))
  end

  def refuse(sentence, detail)
    warn(detail.empty? ? sentence : detail)
    @refusal = "the code could not be loaded: #{sentence}\n"
    json(422, 'error' => sentence, 'detail' => detail)
  end

  def json(status, value)
    [status, { 'Content-Type' => 'application/json' }, [JSON.generate(value)]]
  end
end

# What Rack and Sinatra load at their first use.
warm = Class.new(Sinatra::Base) { get('/:name') { |name| name } }
Rack::MockRequest.new(warm.new).get('/x')

path = ENV.fetch('SHALLOP_SOCKET', '/tmp/shallop.sock')
File.unlink(path) if File.exist?(path)
day = 24 * 60 * 60
# The daemon sees to it that no more events come at once than the function takes.
server = Puma::Server.new(Front.new, Puma::Events.strings, min_threads: 1, max_threads: 64, first_data_timeout: day, persistent_timeout: day,
                                                           environment: 'deployment', max_fast_inline: 1_000_000)
GC.start
server.add_unix_listener(path, nil, 0o666, 1024)
server.run.join
