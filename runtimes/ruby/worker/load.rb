# SPDX-License-Identifier: Apache-2.0
# From files to a Rack application: which file, what it defines, and what kind of thing that is.
require_relative 'handler'
require_relative 'script'

module Shallop
  ENTRIES = %w[config.ru main.rb app.rb handler.rb function.rb index.rb].freeze
  APPLICATIONS = %w[App Application APP].freeze
  HANDLERS = %w[handler handle].freeze
  OFFERS = /^\s*(?:def\s+(?:self\.)?(?:handler|handle|app)\b|(?:class|module)\s+App(?:lication)?\b|(?:APP|App|Application|\$app)\s*=)|
            <\s*Sinatra::Base|^\s*require\s*\(?\s*['"]sinatra['"]/x.freeze

  Loaded = Struct.new(:kind, :handler, :application)

  # Why the code cannot be served: one sentence for people, and the backtrace if there is one.
  class LoadError < StandardError
    attr_reader :detail

    def initialize(sentence, detail = '')
      super(sentence)
      @detail = detail
    end
  end

  module_function

  def load_code(said)
    raise LoadError, "this runtime speaks protocol 1, not #{said['protocol']}" unless said['protocol'] == 1
    root = File.realpath(said['code'] || '/code')
    Dir.chdir(root)
    ENV.update(said['env'] || {})
    use_bundle(root)
    entry = choose_entry(root, said['entry'].to_s)
    file = File.join(root, entry)
    handler = said['handler'].to_s.split(/(?<!:):(?!:)/).last.to_s
    [root, File.join(root, 'lib'), File.dirname(file)].uniq.each { |place| $LOAD_PATH.unshift(place) if File.directory?(place) }
    guarded(root, entry) { find(file, entry, handler, said) }
  end

  # The gems that were installed beside the code go before the system's.
  def use_bundle(root)
    bundled = Dir.glob(File.join(root, 'vendor/bundle/ruby/*'))
    Gem.use_paths(Gem.dir, bundled + Gem.path) unless bundled.empty?
  end

  def find(file, entry, handler, said)
    return Loaded.new('rack', entry, rackup(file)) if entry.end_with?('.ru')
    source = File.read(file, encoding: 'UTF-8')
    RubyVM::InstructionSequence.compile_file(file)
    return Loaded.new('script', entry, Script.new(file)) if handler == 'script' || (handler.empty? && !source.match?(OFFERS))
    Kernel.load(file)
    names = handler.empty? ? nil : [handler]
    classify(entry, names, said) or raise LoadError, missing(entry, handler)
  end

  def missing(entry, handler)
    return "#{entry}: has no '#{handler}', which the handler names" unless handler.empty?
    "#{entry}: has neither a Rack application (#{APPLICATIONS.join(', ')}) nor a method handler(event)"
  end

  def classify(entry, names, said)
    (names || APPLICATIONS).each do |name|
      next unless name.match?(/\A[A-Z]\w*(::[A-Z]\w*)*\z/) && Object.const_defined?(name)
      found = Object.const_get(name)
      found = found.new if found.is_a?(Class) && !found.respond_to?(:call)
      return Loaded.new('rack', "#{entry}:#{name}", found) if found.respond_to?(:call)
    end
    if !names && (found = sinatra(entry))
      return found
    end
    (names || %w[app] + HANDLERS).each do |name|
      next unless Object.private_method_defined?(name) || Object.method_defined?(name)
      method = TOPLEVEL_BINDING.receiver.method(name)
      return Loaded.new('rack', "#{entry}:#{name}", method.call) if name == 'app' && method.arity.zero?
      return Loaded.new('handler', "#{entry}:#{name}", Handler.new(method, said))
    end
    return Loaded.new('rack', "#{entry}:$app", $app) if !names && $app.respond_to?(:call)
    nil
  end

  # An application of the modular style, or the one that a file makes which says only `get '/'`.
  def sinatra(entry)
    modular = Sinatra::Base.subclasses.find { |one| one.name && one.name != 'Sinatra::Application' }
    return Loaded.new('rack', "#{entry}:#{modular.name}", modular) if modular
    return nil unless Sinatra.const_defined?(:Application) && Sinatra::Application.routes.any?
    Sinatra::Application.set(:run, false)
    Loaded.new('rack', "#{entry}:Sinatra::Application", Sinatra::Application)
  end

  def rackup(file)
    built = Rack::Builder.parse_file(file)
    built.is_a?(Array) ? built.first : built
  end

  def choose_entry(root, entry)
    unless entry.empty?
      full = File.expand_path(entry, root)
      return entry if full.start_with?("#{root}/") && File.file?(full)
      raise LoadError, "#{entry}: there is no such file in the function's code"
    end
    found = ENTRIES.find { |name| File.file?(File.join(root, name)) }
    return found if found
    all = Dir.children(root).grep(/\.rb\z/).sort
    return all.first if all.size == 1
    raise LoadError, 'there is no main.rb; name the file to load as `entry`' + (all.empty? ? '' : ": one of #{all.join(', ')}")
  end

  # Whatever the code raises while it is loaded becomes file, line and reason.
  def guarded(root, entry)
    yield
  rescue LoadError
    raise
  rescue Exception => e # also SystemExit and ScriptError
    raise LoadError.new(sentence(root, entry, e), story(e))
  end

  # The error with its backtrace, without the frames of this runtime and its server.
  def story(error)
    own = (error.backtrace || []).reject { |line| line.start_with?("#{__dir__}/") || line.include?('/gems/puma-') }
    error.set_backtrace(own) unless own.empty?
    error.full_message(highlight: false)
  end

  def sentence(root, entry, error)
    if error.is_a?(SyntaxError) && (place = error.message.match(%r{\A#{Regexp.escape(root)}/([^:\n]+):(\d+): (?:syntax error, )?([^\n]*)}))
      return "#{place[1]}, line #{place[2]}: SyntaxError: #{place[3]}"
    end
    frame = (error.backtrace || []).find { |line| line.start_with?("#{root}/") }
    where = frame ? frame.delete_prefix("#{root}/").sub(/:(\d+).*\z/m, ', line \1') : entry
    return "#{where}: the code ended itself while it was loaded (exit #{error.status})" if error.is_a?(SystemExit)
    "#{where}: #{error.class}: #{error.message.lines.first.to_s.chomp}"
  end
end
