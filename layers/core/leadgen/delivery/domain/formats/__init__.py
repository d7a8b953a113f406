"""What a buyer is sent: JSON, form, XML or ADF, from the same facts by one field mapping."""
