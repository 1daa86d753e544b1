# SPDX-License-Identifier: Apache-2.0
module Shallop
  # Serves a handler function, handler(event) or handler(event, context), as a Rack application.
  class Handler
    ANSWER_KEYS = %w[status statusCode headers multiValueHeaders body base64 isBase64Encoded cookies].freeze
    FRAMING = %w[content-length transfer-encoding].freeze # said by the server, whatever a handler says
    TEXT_TYPE = %r{\A(?:text/|application/(?:x-www-form-urlencoded|xml|javascript|yaml)\z)}.freeze
    PLAIN, JSON_TYPE, BYTES = 'text/plain; charset=utf-8', 'application/json', 'application/octet-stream'
    Context = Struct.new(:function_name, :function_version, :aws_request_id, :invocation_id)

    # The caller's body is not what its Content-Type says.
    class BadBody < StandardError; end

    def initialize(method, said)
      @method, @name, @version = method, said['function'], said['version'].to_s
    end

    def call(env)
      event = event_of(env)
      arguments = [event]
      arguments << Context.new(@name, @version, event['id'], event['id']) if @method.arity == 2
      answer(@method.call(*arguments))
    rescue BadBody => e
      [400, { 'Content-Type' => PLAIN }, ["#{e.message}\n"]]
    end

    private

    def event_of(env)
      headers = {}
      env.each { |key, value| headers[key.delete_prefix('HTTP_').downcase.tr('_', '-')] = value if key.start_with?('HTTP_') && key != 'HTTP_VERSION' }
      %w[CONTENT_TYPE CONTENT_LENGTH].each { |key| headers[key.downcase.tr('_', '-')] = env[key] if env[key] }
      body, encoded = decoded(env['rack.input'].read.to_s, headers['content-type'].to_s.downcase)
      { 'method' => env['REQUEST_METHOD'], 'path' => text(Rack::Utils.unescape_path(env['PATH_INFO'])), 'query' => query_of(env), 'headers' => headers,
        'body' => body, 'base64' => encoded, 'id' => headers['x-shallop-invocation-id'].to_s }
    end

    def query_of(env)
      URI.decode_www_form(env['QUERY_STRING'].to_s).to_h
    rescue ArgumentError
      {}
    end

    def text(bytes)
      string = bytes.dup.force_encoding(Encoding::UTF_8)
      string.valid_encoding? ? string : string.scrub
    end

    def decoded(data, content_type)
      kind = content_type.split(';').first.to_s.strip
      if kind == JSON_TYPE || kind.end_with?('+json')
        return [nil, false] if data.empty?
        return [parsed(data), false]
      end
      string = data.dup.force_encoding(Encoding::UTF_8)
      return [string, false] if (kind.empty? || kind.match?(TEXT_TYPE)) && string.valid_encoding?
      [[data].pack('m0'), true]
    end

    def parsed(data)
      JSON.parse(data.force_encoding(Encoding::UTF_8))
    rescue JSON::ParserError => e
      raise BadBody, "the body is not JSON: #{e.message.lines.first.to_s.chomp}"
    end

    def answer(result)
      return [204, {}, []] if result.nil?
      if result.is_a?(Hash)
        said = result.transform_keys(&:to_s)
        return as_said(said) if says_how?(said)
      end
      kind, body = encoded(result)
      [200, { 'Content-Type' => kind }, [body]]
    end

    def says_how?(said)
      status = said['status'] || said['statusCode']
      status.is_a?(Integer) && status.between?(200, 599) && (said.keys - ANSWER_KEYS).empty?
    end

    def as_said(said)
      status = said['status'] || said['statusCode']
      headers = (said['headers'] || {}).merge(said['multiValueHeaders'] || {})
      headers = headers.to_h { |name, value| [name.to_s, Array(value).join("\n")] }.reject { |name, _| FRAMING.include?(name.downcase) }
      headers['Set-Cookie'] = [headers['Set-Cookie'], *said['cookies']].compact.join("\n") if said['cookies']
      return [status, headers, []] if said['body'].nil?
      kind, body = encoded(said['body'])
      kind, body = BYTES, body.unpack1('m') if said['base64'] || said['isBase64Encoded']
      headers['Content-Type'] = kind unless headers.keys.any? { |name| name.casecmp?('content-type') }
      [status, headers, [body]]
    end

    def encoded(value)
      return [JSON_TYPE, JSON.generate(value)] unless value.is_a?(String)
      [value.encoding == Encoding::BINARY ? BYTES : PLAIN, value.b]
    end
  end
end
