-- How far a device has come is told by the proofs of its frames.

ALTER TABLE devices DROP COLUMN incarnation;
ALTER TABLE devices DROP COLUMN highest_frame;
