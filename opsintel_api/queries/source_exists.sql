SELECT 'true' FROM source WHERE id = $1
