# Sidekiq. Loaded by `sidekiq -r ./sidekiq_app.rb`, and run as sidekiq_app.rb JOBS to add jobs.
# HOST, PORT and PREFIX are in the environment; a job counts itself in the key PREFIX:NUMBER.

require "json"
require "sidekiq"
require "sidekiq/api"

P = ENV["PREFIX"]
# One tag for all that Sidekiq keeps, since it moves a job from key to key in a transaction.
OPTIONS = { host: ENV["HOST"], port: ENV["PORT"].to_i, namespace: "{#{P}}" }
COUNTER = Redis.new(host: OPTIONS[:host], port: OPTIONS[:port])

Redis.silence_deprecations = true
Sidekiq.logger.level = Logger::WARN
Sidekiq.configure_client { |config| config.redis = OPTIONS }
Sidekiq.configure_server do |config|
  config.redis = OPTIONS
  config.options[:poll_interval_average] = 0.5

  # A job that failed is tried again after a second, not up to nine more.
  require "sidekiq/job_retry"
  Sidekiq::JobRetry.class_eval { def rand(*) = 0 }
end

class Count
  include Sidekiq::Worker
  sidekiq_options queue: "q", retry: 2
  sidekiq_retry_in { 1 }

  def perform(number, fails)
    marker = "#{P}-failed:#{number}"
    raise "once more" if fails && COUNTER.set(marker, 1, nx: true)
    COUNTER.incr("#{P}:#{number}")
  end
end

if $PROGRAM_NAME == __FILE__
  jobs = (0...ARGV[0].to_i).to_a
  Sidekiq::Client.push_bulk("class" => Count, "args" => jobs.shift(500).map { |n| [n, false] })
  jobs.shift(400).each { |n| Count.perform_async(n, false) }
  jobs.each { |n| Count.perform_in(0.5 + n % 3 * 0.3, n, (n % 5).zero?) }
  puts JSON.generate(queues: Sidekiq::Queue.all.map(&:name))
end
