"""What Alembic asks for: which tables there should be, and the connection to compare and change them on."""

from alembic import context

from koci_proxy.state.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the transaction is the caller's
)
context.run_migrations()
