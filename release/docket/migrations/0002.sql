-- When a segment that a request had goes from its edge, and when its epoch keys go, in
-- milliseconds: its ciphertext is kept in between as long as the case may still be opened.
ALTER TABLE segment ADD COLUMN gone INTEGER;
ALTER TABLE segment ADD COLUMN due INTEGER;
