ALTER TABLE "results" ALTER COLUMN "test_top1" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "results" ALTER COLUMN "test_mean_per_class" DROP NOT NULL;