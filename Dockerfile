FROM node:20-slim AS front
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PATH=/app/.venv/bin:$PATH
WORKDIR /app
RUN useradd --create-home sortyard && mkdir /data && chown sortyard /data
COPY requirements.lock ./
RUN python -m venv .venv && pip install --no-cache-dir --no-deps -r requirements.lock
COPY --from=front /app/node_modules node_modules
COPY . .
RUN python scripts/vendor.py
USER sortyard
VOLUME /data
EXPOSE 8000
