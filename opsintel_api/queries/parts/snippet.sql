left(btrim(regexp_replace(left(message.text, 1000), '\s+', ' ', 'g')), 240)
