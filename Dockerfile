# One image for every service of docker-compose.yml: Python, the locked requirements, then this project.
FROM docker.io/library/python:3.13-slim-trixie

# tini is process 1: it hands on signals from the first moment and reaps what a killed task leaves behind.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*

ENV VIRTUAL_ENV=/opt/venv \
    PATH=/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python3 -m venv "$VIRTUAL_ENV"

# Only a change of the requirements installs them anew.
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-deps --require-hashes --requirement requirements.txt

# State is the only thing that the user below may write; a new volume takes over this folder's owner.
RUN groupadd --gid 10001 integrity \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin integrity \
    && install --directory --owner=integrity --group=integrity --mode=0750 /var/lib/integrity

# Editable, so that the library finds dags/, dbt_project/ and include/ beside itself. Readable by all, whatever the
# checkout's own modes are; compiled here, since nobody may write here later.
COPY . .
RUN mkdir -p plugins \
    && pip install --no-deps --no-build-isolation --editable . \
    && chmod -R a+rX,go-w . \
    && python -m compileall -q dags include plugins

ENV HOME=/tmp \
    INTEGRITY_HOME=/var/lib/integrity \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["tini", "--"]
CMD ["integrity", "--help"]
