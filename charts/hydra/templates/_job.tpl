{{/*
A job that a hook runs, with an account and a network policy that live as long as it does.
Takes root, name, args, hook, deadline; optional: image, broker (key), database (key), input
(a ConfigMap, mounted at /etc/hydra/input), blobs. Its configuration is its variables alone, so
that it can run before the release exists.
*/}}
{{- define "hydra.job" }}
{{- $root := .root }}
{{- $full := include "hydra.fullname" $root }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $full }}-{{ .name }}
  {{- include "hydra.hook" (list . "-10") | nindent 2 }}
automountServiceAccountToken: false
{{- if $root.Values.network.policies }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $full }}-{{ .name }}
  {{- include "hydra.hook" (list . "-10") | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "hydra.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .name }}
  policyTypes: [Ingress, Egress]
  egress:
    {{- include "hydra.dnsRule" $root | nindent 4 }}
    {{- include "hydra.egressRule" $root.Values.network.database | nindent 4 }}
    {{- if .broker }}
    {{- include "hydra.egressRule" $root.Values.network.broker | nindent 4 }}
    {{- end }}
{{- end }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $full }}-{{ .name }}
  {{- include "hydra.hook" (list . "0") | nindent 2 }}
spec:
  backoffLimit: 3
  activeDeadlineSeconds: {{ .deadline }}
  template:
    metadata:
      labels:
        {{- include "hydra.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .name }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ $full }}-{{ .name }}
      {{- include "hydra.podSecurity" $root | nindent 6 }}
      containers:
        - name: hydra
          image: {{ include "hydra.image" (list $root (default "core" .image)) }}
          imagePullPolicy: {{ $root.Values.images.pullPolicy }}
          args: {{ toJson .args }}
          env:
            {{- include "hydra.env" (list $root (default "" .broker) .database dict) | nindent 12 }}
          resources: {{- toYaml $root.Values.jobs.resources | nindent 12 }}
          {{- include "hydra.containerSecurity" $root | nindent 10 }}
          volumeMounts:
            {{- include "hydra.mounts" $root | nindent 12 }}
            {{- if .input }}
            - { name: input, mountPath: /etc/hydra/input, readOnly: true }
            {{- end }}
            {{- if .blobs }}
            - { name: blobs, mountPath: {{ $root.Values.blobs.path }} }
            {{- end }}
      volumes:
        {{- include "hydra.volumes" (list $root "256Mi") | nindent 8 }}
        {{- with .input }}
        - { name: input, configMap: { name: {{ . }} } }
        {{- end }}
        {{- if .blobs }}
        - { name: blobs, persistentVolumeClaim: { claimName: {{ include "hydra.claim" $root }} } }
        {{- end }}
{{- end }}

{{/* Labels and annotations of a hook: [the job's parameters, weight]. */}}
{{- define "hydra.hook" -}}
labels: {{- include "hydra.labels" (index . 0).root | nindent 2 }}
annotations:
  helm.sh/hook: {{ (index . 0).hook }}
  helm.sh/hook-weight: {{ index . 1 | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
