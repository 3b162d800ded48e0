"""Forms of lines are learnt with the templates of a tenant."""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f('ck_template_memory_kind'), 'template_memory', type_='check')
    op.create_check_constraint(op.f('ck_template_memory_kind'), 'template_memory', "kind IN ('known', 'frames', 'forms')")
    op.alter_column('template_memory', 'kind', comment='known: a line; frames: places of a line that may hold names; forms: lines alike')
    op.alter_column('template_memory', 'content', comment='Of a line the digest of its group, of places and forms digests of the words seen')


def downgrade() -> None:
    op.execute("DELETE FROM template_memory WHERE kind = 'forms'")
    op.drop_constraint(op.f('ck_template_memory_kind'), 'template_memory', type_='check')
    op.create_check_constraint(op.f('ck_template_memory_kind'), 'template_memory', "kind IN ('known', 'frames')")
    op.alter_column('template_memory', 'kind', comment='known: a line; frames: places of a line that may hold names')
    op.alter_column('template_memory', 'content', comment='Of a line the digest of its group, of places digests of the words seen there')
