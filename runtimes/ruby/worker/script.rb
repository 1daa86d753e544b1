# SPDX-License-Identifier: Apache-2.0
module Shallop
  # Runs a plain script for each request, as CGI does (RFC 3875): in a fork of this process, which has everything loaded already.
  class Script
    HEAD_LIMIT = 64 * 1024
    PIECE = 64 * 1024
    CGI_FIELDS = %w[content-type status location].freeze

    def initialize(file)
      @file = file
    end

    def call(env)
      Tempfile.create('body', '/tmp') do |body|
        body.binmode
        IO.copy_stream(env['rack.input'], body)
        body.rewind
        from, to = IO.pipe
        from.binmode
        child = fork { become(body, to, env) }
        to.close
        reply(Output.new(from, child))
      end
    end

    private

    # The child: never returns.
    def become(body, to, env)
      Process.setpgid(0, 0)
      $stdin.reopen(body)
      $stdout.reopen(to)
      $stdout.sync = false
      ENV.update(variables(env, body.size))
      $PROGRAM_NAME = @file
      ARGV.clear
      Kernel.load(@file)
    end

    def variables(env, length)
      names = env.select { |key, value| value.is_a?(String) && key.match?(/\A[A-Z0-9_]+\z/) && key != 'HTTP_PROXY' }
      names.merge('SCRIPT_FILENAME' => @file, 'DOCUMENT_ROOT' => Dir.pwd, 'GATEWAY_INTERFACE' => 'CGI/1.1', 'SERVER_SOFTWARE' => 'shallop',
                  'REDIRECT_STATUS' => '200', 'PATH_INFO' => Rack::Utils.unescape_path(env['PATH_INFO']),
                  'CONTENT_LENGTH' => length.zero? ? '' : length.to_s)
    end

    # Holds the output until it is clear what it is: a CGI document from the end of its header on, else plain output to its end.
    def reply(output)
      until (head = cgi_head(output.held)) || output.ended? || output.held.bytesize >= HEAD_LIMIT
        output.more
      end
      return document(output, *head) if head
      if output.ended? && !output.finish
        return [500, { 'Content-Type' => 'text/plain; charset=utf-8' }, [Front::FAILED]]
      end
      kind = output.held.lstrip.start_with?('<') ? 'text/html' : 'text/plain'
      [200, { 'Content-Type' => "#{kind}; charset=utf-8" }, output.ended? ? [output.held] : output]
    rescue RuntimeError
      output.close
      raise
    end

    def document(output, status, headers, rest)
      output.held = rest
      [status, headers, output]
    end

    def cgi_head(held)
      block, separator, rest = held.partition(/\r?\n\r?\n/n)
      return nil if separator.empty?
      status, headers = 200, {}
      block.split(/\r?\n/n).each do |line|
        name, value = line.match(/\A([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)\s*\z/n)&.captures
        return nil unless name
        if name.casecmp?('status')
          raise "the script said a Status that is none: #{value}" unless value.match?(/\A[2-5]\d\d(?!\S)/n)
          status = value.to_i
        elsif !name.casecmp?('transfer-encoding')
          headers[name] = headers.key?(name) ? "#{headers[name]}\n#{value}" : value
        end
      end
      known = headers.keys.map(&:downcase).any? { |name| CGI_FIELDS.include?(name) } || block.match?(/^status:/i)
      status = 302 if status == 200 && headers.keys.any? { |name| name.casecmp?('location') }
      known ? [status, headers, rest] : nil
    end

    # What a script prints, as the body of a Rack answer: `held` has been read already.
    class Output
      attr_accessor :held

      def initialize(from, child)
        @from, @child, @held, @ended = from, child, String.new(encoding: Encoding::BINARY), false
      end

      def ended?
        @ended
      end

      def more
        @held << @from.readpartial(PIECE)
      rescue EOFError
        @ended = true
      end

      def each
        yield @held unless @held.empty?
        until @ended
          begin
            yield @from.readpartial(PIECE)
          rescue EOFError
            @ended = true
          end
        end
        finish
      end

      # Whether the script succeeded.
      def finish
        return true unless @child
        child, @child = @child, nil
        status = Process.wait2(child).last
        warn 'the script failed' unless status.success?
        status.success?
      end

      # Called by Puma when the answer is out, or the caller has gone.
      def close
        Process.kill(:KILL, -@child) if @child && !@ended
        finish
        @from.close
      rescue SystemCallError
        @from.close
      end
    end
  end
end
