"""A delivered lead is charged once, and earns its publisher its share. Also the terms agreed with a buyer."""
