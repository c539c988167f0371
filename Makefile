# make demo: from a clone to digits drawn on this machine.  make test: the tests.
# make check: the tests, format, lint, spelling and types.
# make seeds: trains what saved_models/seeds.yaml asks for and saved_models/ lacks; can be stopped and called again.
# make site: the documentation and the page for the browser, into build/site; needs npm.  make serve: serves it on this machine.
# make notebooks-run: runs the notebooks from end to end, into runs/notebooks; takes long.
# make benchmark: steps, restoring, input and growth beside PyTorch and others, into docs/BENCHMARKS.md; takes long.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST ?= $(BIN)/pytest

.PHONY: demo test check slow seeds benchmark notebooks notebooks-run site serve clean

demo: $(VENV)/installed
	$(BIN)/tfgans train cdcgan --recipe demo --minutes 3 --run runs/demo

test: $(VENV)/installed-dev
	$(PYTEST)

check: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(PYTEST)

slow: $(VENV)/installed-dev
	$(PYTEST) -m slow

seeds: $(VENV)/installed
	$(BIN)/python -m tfgans.evaluation.seeds

STEPS := runs/xla_steps

benchmark: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.txt -e .[benchmarks]
	for each in steps restore frechet input growth; do $(BIN)/python benchmarks/$$each.py || exit 1; done
	$(BIN)/python benchmarks/xla_steps.py --export $(STEPS)
	$(BIN)/python benchmarks/xla_steps.py --run $(STEPS)

notebooks: $(VENV)/installed-dev
	$(BIN)/python chapters/make_notebooks.py

notebooks-run: $(VENV)/installed-dev
	$(BIN)/python chapters/run_notebooks.py

site: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.txt -e .[site,onnx]
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(BIN)/python web/build.py -o build/site/play

serve:
	$(BIN)/python web/serve.py build/site

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache *.egg-info

# the stamp is touched last, so that a broken installation is made anew
$(VENV)/installed: requirements.txt setup.cfg pyproject.toml
	@echo "installing TensorFlow and what else is needed into $(VENV): a minute or two"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	@echo "installing what the tests need"
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
