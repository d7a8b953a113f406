-- Documents: drawn once, kept as they were drawn, and mailed once.

CREATE TABLE documents (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at     timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  kind           varchar(16) NOT NULL,
  format         varchar(16) NOT NULL,
  invoice_id     integer REFERENCES invoices(id) ON DELETE RESTRICT,
  credit_note_id bigint REFERENCES credit_notes(id) ON DELETE RESTRICT,
  payout_id      bigint REFERENCES payouts(id) ON DELETE RESTRICT,
  media_type     varchar(100) NOT NULL,
  filename       varchar(200) NOT NULL,
  content        bytea NOT NULL,
  sha256         char(64) NOT NULL,

  CONSTRAINT documents_kind_names_its_own
    CHECK (CASE kind WHEN 'invoice' THEN invoice_id IS NOT NULL AND num_nonnulls(credit_note_id, payout_id) = 0
                     WHEN 'credit_note' THEN credit_note_id IS NOT NULL AND num_nonnulls(invoice_id, payout_id) = 0
                     WHEN 'payout' THEN payout_id IS NOT NULL AND num_nonnulls(invoice_id, credit_note_id) = 0
                     ELSE false END),
  CONSTRAINT documents_format_valid CHECK (format IN ('pdf', 'ubl', 'factur_x')),
  CONSTRAINT documents_hash_is_of_content CHECK (sha256 = encode(sha256(content), 'hex'))
);

CREATE UNIQUE INDEX documents_one_of_invoice ON documents (invoice_id, format) WHERE invoice_id IS NOT NULL;
CREATE UNIQUE INDEX documents_one_of_credit_note ON documents (credit_note_id, format) WHERE credit_note_id IS NOT NULL;
CREATE UNIQUE INDEX documents_one_of_payout ON documents (payout_id, format) WHERE payout_id IS NOT NULL;

CREATE TRIGGER documents_append_only BEFORE UPDATE OR DELETE ON documents
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER documents_never_emptied BEFORE TRUNCATE ON documents
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();

-- What is issued is to be mailed: the transaction that issues it says so, and nothing can be forgotten.
CREATE TABLE document_mails (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at      timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      timestamptz,
  buyer_id        integer NOT NULL REFERENCES buyers(id) ON DELETE RESTRICT,
  invoice_id      integer REFERENCES invoices(id) ON DELETE RESTRICT,
  credit_note_id  bigint REFERENCES credit_notes(id) ON DELETE RESTRICT,
  status          varchar(16) NOT NULL DEFAULT 'pending',
  attempts        integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL,
  claimed_until   timestamptz,
  sent_at         timestamptz,
  error           varchar(200),

  CONSTRAINT document_mails_of_one CHECK (num_nonnulls(invoice_id, credit_note_id) = 1),
  CONSTRAINT document_mails_invoice_once UNIQUE (invoice_id),
  CONSTRAINT document_mails_credit_note_once UNIQUE (credit_note_id),
  CONSTRAINT document_mails_status_valid CHECK (status IN ('pending', 'sent', 'given_up')),
  CONSTRAINT document_mails_sent_has_time CHECK ((status = 'sent') = (sent_at IS NOT NULL)),
  CONSTRAINT document_mails_given_up_has_error CHECK (status <> 'given_up' OR error IS NOT NULL)
);

CREATE INDEX idx_document_mails_pending ON document_mails (next_attempt_at) WHERE status = 'pending';
CREATE TRIGGER document_mails_never_deleted BEFORE DELETE ON document_mails
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION mail_issued_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO document_mails (buyer_id, invoice_id, next_attempt_at) VALUES (NEW.buyer_id, NEW.id, NEW.issued_at);
  RETURN NULL;
END $$;

CREATE TRIGGER invoices_are_mailed AFTER UPDATE ON invoices
  FOR EACH ROW WHEN (OLD.issued_at IS NULL AND NEW.issued_at IS NOT NULL) EXECUTE FUNCTION mail_issued_invoice();

CREATE FUNCTION mail_credit_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO document_mails (buyer_id, credit_note_id, next_attempt_at) VALUES (NEW.buyer_id, NEW.id, NEW.issued_at);
  RETURN NULL;
END $$;

CREATE TRIGGER credit_notes_are_mailed AFTER INSERT ON credit_notes
  FOR EACH ROW EXECUTE FUNCTION mail_credit_note();
