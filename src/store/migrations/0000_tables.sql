CREATE TABLE "cells" (
	"key" text PRIMARY KEY NOT NULL,
	"position" bigint GENERATED ALWAYS AS IDENTITY (sequence name "cells_position_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"dataset" text NOT NULL,
	"model" text NOT NULL,
	"setting" text NOT NULL,
	"protocol" text NOT NULL,
	"seed" bigint NOT NULL,
	"determined_by" json NOT NULL
);
--> statement-breakpoint
CREATE TABLE "failures" (
	"cell_key" text PRIMARY KEY NOT NULL,
	"error" text NOT NULL,
	"failed_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "results" (
	"cell_key" text PRIMARY KEY NOT NULL,
	"classes" json NOT NULL,
	"metric" text NOT NULL,
	"hyperparameters" json NOT NULL,
	"validation_value" double precision NOT NULL,
	"validation_images" integer NOT NULL,
	"test_value" double precision NOT NULL,
	"test_top1" double precision NOT NULL,
	"test_mean_per_class" double precision NOT NULL,
	"test_correct" integer NOT NULL,
	"test_images" integer NOT NULL,
	"train_images" integer NOT NULL,
	"curve" json NOT NULL,
	"seconds_total" double precision NOT NULL,
	"seconds_search" double precision NOT NULL,
	"seconds_final" double precision NOT NULL,
	"network_sha256" text NOT NULL,
	"network_bytes" bigint NOT NULL,
	"network_media_type" text NOT NULL,
	"predictions_sha256" text NOT NULL,
	"predictions_bytes" bigint NOT NULL,
	"predictions_media_type" text NOT NULL,
	"environment" json NOT NULL,
	"finished_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "runs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"started_at" timestamp (3) with time zone NOT NULL,
	"command" text NOT NULL,
	"arguments" json NOT NULL,
	"environment" json NOT NULL
);
--> statement-breakpoint
CREATE TABLE "trials" (
	"cell_key" text NOT NULL,
	"position" integer NOT NULL,
	"hyperparameters" json NOT NULL,
	"status" text NOT NULL,
	"validation" double precision,
	"steps" integer NOT NULL,
	"seconds" double precision NOT NULL,
	CONSTRAINT "trials_cell_key_position_pk" PRIMARY KEY("cell_key","position")
);
--> statement-breakpoint
ALTER TABLE "failures" ADD CONSTRAINT "failures_cell_key_cells_key_fk" FOREIGN KEY ("cell_key") REFERENCES "public"."cells"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "results" ADD CONSTRAINT "results_cell_key_cells_key_fk" FOREIGN KEY ("cell_key") REFERENCES "public"."cells"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "trials" ADD CONSTRAINT "trials_cell_key_results_cell_key_fk" FOREIGN KEY ("cell_key") REFERENCES "public"."results"("cell_key") ON DELETE no action ON UPDATE no action;