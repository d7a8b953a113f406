-- A lead is on at most one invoice, with the price that was frozen on it.
CREATE TABLE invoice_lines (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  invoice_id   integer NOT NULL REFERENCES invoices(id) ON DELETE RESTRICT,
  lead_id      integer NOT NULL REFERENCES leads(id) ON DELETE RESTRICT,
  delivered_at timestamptz NOT NULL,
  amount       numeric(10,2) NOT NULL,

  CONSTRAINT invoice_lines_lead_unique UNIQUE (lead_id)
);

CREATE INDEX idx_invoice_lines_invoice ON invoice_lines (invoice_id);

CREATE TRIGGER invoice_lines_append_only BEFORE UPDATE OR DELETE ON invoice_lines
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Invoice numbers without gaps: taken from this row in the transaction that writes the invoice.
CREATE TABLE number_series (
  series varchar(16) PRIMARY KEY,
  last   integer NOT NULL,

  CONSTRAINT number_series_last_positive CHECK (last > 0)
);

-- Billed leads that wait for an invoice are few: finding them stays cheap however many were ever billed.
ALTER TABLE leads ADD COLUMN invoiced_at timestamptz;
CREATE INDEX idx_leads_uninvoiced ON leads (buyer_id, offer_id, delivered_at)
  WHERE billing_status = 'billed' AND invoiced_at IS NULL;
