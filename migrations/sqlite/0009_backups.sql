-- Until when a backup that somebody has verified holds all that was received.

ALTER TABLE projects ADD COLUMN backed_up_ms INTEGER;
