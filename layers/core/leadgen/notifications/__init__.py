"""Everything that is sent and is not the sale: events to subscribers, trial events, SMS, replays of deliveries."""
