# The operator's image: its static binary, and nothing else. make build first: what is copied is what make verify has seen to be reproducible.
#
# It needs no shell, no libraries and no files of its own. What scratch does not have is the list of public authorities: identity providers
# and directories whose certificates are by one of them need a base that has it, or name their authorities (caSecretRef). No registry is
# named here, so that nothing is pulled that you did not choose; name a base by its digest:
#   docker build --build-arg BASE=REGISTRY/distroless/static@sha256:... -t rollcall .
ARG BASE=scratch
FROM ${BASE}
COPY bin/manager /manager
# As in config/manager. The root file system may be read-only.
USER 65532:65532
ENTRYPOINT ["/manager"]
