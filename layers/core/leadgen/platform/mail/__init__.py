"""Mail: composed once, handed to SMTP or Amazon SES."""
