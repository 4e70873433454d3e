-- The records of a type by id: headquarters lists them, and forms look things up in those of a reference type.

CREATE INDEX records_by_type ON records (project, record_type, id);
