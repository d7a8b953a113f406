"""``template.yaml`` as typed values: functions, routes, queues, subscriptions and schedules."""
