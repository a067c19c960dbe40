# What each target runs is written once, in .ci/run.
STEPS := demo test interpreted haswell nehalem ecosystem variants lint format types docs bench sizes smoke

.PHONY: help ci $(STEPS)

help:
	@echo "make ci: everything, from a clean copy in a new environment"
	@echo "make $(STEPS): one step, in this checkout"

ci:
	@.ci/run

$(STEPS):
	@.ci/run $@
