CREATE TABLE "measurements" (
	"key" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"dataset" text NOT NULL,
	"model" text NOT NULL,
	"determined_by" json NOT NULL,
	"value" json NOT NULL,
	"artifact_sha256" text,
	"artifact_bytes" bigint,
	"artifact_media_type" text,
	"seconds" double precision NOT NULL,
	"environment" json NOT NULL,
	"finished_at" timestamp (3) with time zone NOT NULL
);
