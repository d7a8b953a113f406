-- Reminders: each step of an invoice once. A row is claimed and committed before its mail is sent.
CREATE TABLE dunning_notices (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at    timestamptz NOT NULL,
  invoice_id    integer NOT NULL REFERENCES invoices(id) ON DELETE RESTRICT,
  step          integer NOT NULL,            -- days from the due day; below zero before it
  status        varchar(16) NOT NULL DEFAULT 'claimed',
  claimed_until timestamptz NOT NULL,        -- after which whoever claimed it is taken for dead
  doubts        integer NOT NULL DEFAULT 1,  -- mails of which nobody knows whether they were sent, the one under way among them
  sent_at       timestamptz,
  error         varchar(200),

  CONSTRAINT dunning_notices_once UNIQUE (invoice_id, step),
  CONSTRAINT dunning_notices_status_valid CHECK (status IN ('claimed', 'sent', 'refused')),
  CONSTRAINT dunning_notices_sent_has_time CHECK ((status = 'sent') = (sent_at IS NOT NULL))
);

-- Those invoices whose due day may be over, and those who get no leads because of it.
CREATE INDEX idx_invoices_due ON invoices (due_date) WHERE status = 'sent';
CREATE INDEX idx_buyers_paused ON buyers (id) WHERE paused_since IS NOT NULL;
